"""The pages say what is so: their commands are accepted, their links lead somewhere, their listings are the files'."""

import ast
import importlib.util
import re
import shlex
from itertools import pairwise

import matplotlib
import pytest
from matplotlib import pyplot
from omegaconf import OmegaConf

import rnnexp
from rnnexp.analysis import ablation, reproduce
from rnnexp.analysis.claims.command import Arguments as ClaimsArguments
from rnnexp.analysis.command import ComparisonArguments, StudyArguments
from rnnexp.analysis.report.command import Arguments as ReportArguments
from rnnexp.cli import clean, evaluate, generate, offline, status, sync, ui
from rnnexp.cli.main import COMMANDS
from rnnexp.command import arguments
from rnnexp.errors import UserError
from rnnexp.experiment import rules, schema
from rnnexp.installation import CONF
from rnnexp.nn.cells import CELLS
from rnnexp.sweeps.composition import config_of
from rnnexp.sweeps.configs import open_configs
from tests.api.conftest import SHORT
from tests.conftest import REPOSITORY
from tests.helpers.requests import open_request
from tests.helpers.variants import bound_layer

PAGES = [REPOSITORY / "README.md"]
PAGES += [REPOSITORY / folder / "README.md" for folder in ("conf", "rnnexp", "rnnexp/sweeps", "analysis")]
PAGES += [REPOSITORY / folder / "README.md" for folder in ("analysis/speed", "tests", "runs")]
IDS = [path.relative_to(REPOSITORY).as_posix() for path in PAGES]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OF_ANALYSIS = {
    "compare": ComparisonArguments,
    "report": ReportArguments,
    "challenge": StudyArguments,
    "ablation": ablation.Arguments,
    "reproduce": reproduce.Arguments,
    "claims": ClaimsArguments,
}
LONGEST = 160


def blocks(text, language=""):
    """The blocks of code in a page, of one language; shell has none."""
    return [code for named, code in BLOCK.findall(text) if named == language]


def prose(text):
    """A page without its blocks of code, line by line; the lines of tables, which cannot be broken, are left out."""
    return [line for line in BLOCK.sub("", text).splitlines() if not line.startswith("|")]


def commands(text):
    """Every command that a page names, in a block or in a line, as words."""
    inline = re.findall(r"`([^`]+)`", " ".join(BLOCK.sub("", text).split("\n")))
    lines = "".join(blocks(text)).replace("\\\n", " ").splitlines()
    for line in [*lines, *inline]:
        line = line.removeprefix(".venv/bin/").replace("python -m rnnexp ", "rnnexp ")
        if line.startswith(("rnnexp ", "python ", "make ")):
            yield shlex.split(line, comments=True)


def train_commands():
    """The commands of all pages that train, each once."""
    found = {}
    for path, name in zip(PAGES, IDS):
        for words in commands(path.read_text()):
            is_help = {"--help", "--hydra-help"} & set(words)
            if words[0] == "rnnexp" and words[1] not in COMMANDS and words[1:] != ["-m"] and not is_help:
                found.setdefault(" ".join(words[1:]), name)
    return [pytest.param(shlex.join(shlex.split(text)), id=f"{page}: {text}") for text, page in found.items()]


def accept(config):
    """Refuse a config as a run would, but for what another machine has installed."""
    rules.check(config, elsewhere=True)


@pytest.mark.parametrize("text", train_commands())
def test_a_command_that_trains_is_accepted(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text("some text\n")  # what a page calls FILE
    words = [word for word in shlex.split(text) if word != "..."]
    if any(word.startswith("hydra/launcher=slurm") for word in words):
        pytest.importorskip("submitit", reason="the launcher of SLURM is an extra")
    schema.register()
    if "-m" not in words:
        with open_configs():
            accept(config_of([word for word in words if word not in ("--cfg", "job")]))
        return
    with open_request([word for word in words if word != "-m"]) as request:
        request.settings["match_cells"] = False  # which reads the data
        jobs = request.combinations()
        assert len(jobs) > 1 or request.settings["trials"]
        for _, overrides in {jobs[0][0]: jobs[0], jobs[-1][0]: jobs[-1]}.values():
            accept(config_of(overrides))


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_the_arguments_of_other_commands_are_known(page):
    schema.register()
    for words in commands(page.read_text()):
        if words[0] != "rnnexp" or words[1] not in COMMANDS or "--help" in words:
            continue
        name, given = words[1], words[2:]
        if not given:  # named, not shown
            continue
        if name in OF_ANALYSIS:
            options = OmegaConf.structured(OF_ANALYSIS[name])
            OmegaConf.merge(options, OmegaConf.from_dotlist(given))
        elif name == "resume":
            assert len(given) == 1
        elif name in ("sync", "offline"):
            options = {"sync": sync, "offline": offline}[name].Options
            folders, settings = arguments.split_paths(given, options)
            assert folders
            arguments.read(settings, options)
        elif name == "evaluate":
            own, overrides = arguments.split(given, evaluate.Options)
            arguments.read(own, evaluate.Options)
            if any(word.startswith("run=") for word in own):
                scoring = [word for word in overrides if evaluate.is_of_evaluation(word)]
                evaluate.composed(scoring)
                assert {word.partition("=")[0] for word in set(overrides) - set(scoring)} <= set(
                    evaluate.OF_A_RUN
                )
            else:
                evaluate.composed(overrides)
        else:
            module = {"generate": generate, "ui": ui, "status": status, "clean": clean}[name]
            arguments.read(given, module.Options)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_modules_and_targets_of_make_that_a_page_names_are_there(page):
    targets = re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    for words in commands(page.read_text()):
        if words[0] == "make":
            assert words[1] in targets, words
        for flag, name in pairwise(words):
            if words[0] == "python" and flag == "-m":
                assert importlib.util.find_spec(name), words


def anchors(text):
    """What the headings of a page are called in its address."""
    heads = re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page):
    for address in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        file, _, anchor = address.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), address
        if anchor:
            assert anchor in anchors(target.read_text()), address


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_lines_are_short(page):
    assert [line for line in prose(page.read_text()) if len(line) > LONGEST] == []


def test_the_first_page_is_short():
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 100


def without_docstrings(path):
    """The text of a file without its docstrings and the empty lines behind them."""
    text = path.read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            first, last = node.body[0].lineno - 1, node.body[0].end_lineno
            last += lines[last] == ""
            lines[first:last] = [None] * (last - first)
    return "\n".join(line for line in lines if line is not None) + "\n"


def test_the_listings_of_a_cell_are_the_file_s():
    code = without_docstrings(REPOSITORY / "rnnexp/nn/cells/rnn.py")
    (whole,) = blocks((REPOSITORY / "rnnexp/README.md").read_text(), "python")
    assert whole == code
    _, part = blocks((REPOSITORY / "README.md").read_text(), "python")
    assert part in code
    (config,) = blocks((REPOSITORY / "rnnexp/README.md").read_text(), "yaml")
    assert config in (CONF / "cell/rnn.yaml").read_text()


def number(formula, **sizes):
    """What a formula of the table of cells gives: "2 D H + H^2"."""
    return eval(re.sub(r"(?<=[\w)]) (?=[\w(])", "*", formula).replace("^", "**"), sizes)


def test_the_table_of_cells_has_the_parameters_of_each():
    D, H, L = 7, 5, 2
    sizes = {"D": D, "H": H, "L": L, "A": D * H + H**2 + H}
    rows = re.findall(
        r"^\| `(\w+)`.*? \| (.*?) \|", (REPOSITORY / "rnnexp/README.md").read_text(), re.MULTILINE
    )
    formulas = {name: formula for name, formula in rows if name in CELLS}
    assert formulas.keys() == CELLS.keys()
    before, after = formulas.pop("gru").removesuffix(" after").split(",")
    tried = [("gru", {"reset": "before"}, before), ("gru", {"reset": "after"}, before + after)]
    tried += [(name, {"depth": L} if name == "rhn" else {}, formula) for name, formula in formulas.items()]
    for name, options, formula in tried:
        _, params = bound_layer(CELLS[name](D, H, **options))
        assert number(formula, **sizes) == len(params.values), name


def test_the_zoo_has_every_cell():
    (zoo,) = re.findall(r"^ZOO := (.*)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert sorted(zoo.split(",")) == sorted(CELLS)


def test_the_python_of_the_first_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, _ = blocks((REPOSITORY / "README.md").read_text(), "python")
    small = SHORT | {"hidden_size": 8}
    train = rnnexp.train
    monkeypatch.setattr("rnnexp.train", lambda **given: train(**(given | small)), raising=False)
    monkeypatch.setitem(matplotlib.rcParams, "backend", "agg")
    exec(code, {})
    pyplot.close("all")
    out = capsys.readouterr().out
    assert "the dog " in out
    assert "says nothing about cells" in out
    assert (tmp_path / "gru.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_of_groups_has_every_option():
    page = (CONF / "README.md").read_text()
    for folder in sorted(CONF.iterdir()):
        if folder.is_dir() and folder.name != "hydra":
            (row,) = re.findall(rf"^\| `{folder.name}` \|.*", page, re.MULTILINE)
            for path in folder.glob("*.yaml"):
                assert f"`{path.stem}`" in row, path


def test_what_a_page_gets_wrong_is_found(tmp_path):
    assert list(commands("Say `rnnexp cell=gru` or\n```\nrnnexp -m a=1 \\\n  b=2  # so\n```\n")) == [
        ["rnnexp", "-m", "a=1", "b=2"],
        ["rnnexp", "cell=gru"],
    ]
    assert prose("a\n```\nlong\n```\n| table |\nb\n") == ["a", "", "b"]
    assert anchors("# A `b` c, d\n") == {"a-b-c-d"}
    with open_configs(), pytest.raises(UserError, match="hidden_size"):
        accept(config_of(["model.hidden_size=0"]))
