"""A run folder that was brought along is checked like a command, and gets nothing of this machine."""

import json
import re
import shutil

import pytest
import yaml

from tests.conftest import QUICK
from tests.helpers.runs import run_at


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run folder, made once."""
    place = tmp_path_factory.mktemp("whole")
    (place / "text.txt").write_text("the cat sat on the mat.\n" * 60)
    text = ["dataset=text", f"dataset.path={place / 'text.txt'}", "dataset.level=char"]
    return run_at(place / "run", *text, "train.max_steps=3").path


@pytest.fixture
def brought(whole, tmp_path, monkeypatch):
    """A function that puts a run folder into an empty place, with these values in its config."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "here/run"
    shutil.copytree(whole, folder)

    def change(**values):
        config = yaml.safe_load((folder / "config.yaml").read_text())
        for key, value in values.items():
            *sections, last = key.split("__")
            section = config
            for name in sections:
                section = section[name]
            section[last] = value
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        return folder

    return change


STUDIES = [
    *(
        "../../../evil",
        "/tmp/evil",
        "<script>alert(1)</script>",
        "a\x1b[2Jb",
        "..",
        "",
        "a/b",
        "a\nb",
        "${seed}",
    ),
    *(".x", None, ["a"], "a\u202eb"),
]


@pytest.mark.parametrize("study", STUDIES, ids=repr)
def test_its_study_is_a_name(in_process, tmp_path, brought, study):
    folder = brought(study=study)
    before = sorted(tmp_path.rglob("*"))
    for arguments in (
        ["resume", "here/run"],
        ["generate", "run=here/run"],
        ["sync", "here", "uri=sqlite:///here/store.db"],
        ["offline", "here"],
    ):
        outcome = in_process(*arguments)
        assert outcome.returncode == 1
        assert "study" in outcome.stderr
        assert "\x1b" not in outcome.stderr
        assert "\u202e" not in outcome.stderr
        assert "Traceback" not in outcome.stderr
    assert sorted(path for path in tmp_path.rglob("*") if path.name != ".lock") == [
        path for path in before if path.name != ".lock"
    ]
    assert folder.exists()


@pytest.mark.parametrize("key", ["tracking__uri", "dataset__path", "device"])
def test_nothing_of_the_environment_gets_into_it(in_process, tmp_path, brought, monkeypatch, key):
    monkeypatch.setenv("TOKEN", "S3CRETpw")
    brought(**{key: "${oc.env:TOKEN}/x"})
    (tmp_path / "here/run/result.json").unlink()
    shown = [in_process("resume", "here/run"), in_process("generate", "run=here/run", "num=1", "length=3")]
    shown.append(in_process("sync", "here", "uri=sqlite:///here/store.db"))
    assert "S3CRET" not in "".join(outcome.stdout + outcome.stderr for outcome in shown)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"S3CRET" not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("model__dropout", 1.0), ("seed", "x"), ("cell__name", "../x"), ("cell__name", "os.system")),
        *(("model__num_layers", 0), ("optimizer__lr", "${oc.env:HOME}"), ("more", 1), ("model", None)),
    ],
)
def test_its_values_are_checked_as_those_of_a_command(in_process, brought, key, value):
    brought(**{key: value})
    for arguments in ["resume", "here/run"], ["generate", "run=here/run"]:
        outcome = in_process(*arguments)
        assert outcome.returncode == 1, (arguments, outcome)
        assert outcome.stderr.count("\n") == 1
        assert re.search(key.split("__")[0], outcome.stderr)


def test_its_vocabulary_steers_no_terminal(in_process, tmp_path, brought):
    folder = brought()
    file = folder / "vocabulary.json"
    meaning = json.loads(file.read_text())
    meaning["symbols"] = [f"\x1b]0;{symbol}\x07\r" for symbol in meaning["symbols"]]
    file.write_text(json.dumps(meaning))
    outcome = in_process("generate", "run=here/run")
    assert outcome.returncode == 0, outcome.stderr
    assert "\\x1b]0;" in outcome.stdout
    assert not set(outcome.stdout) & {"\x1b", "\x07", "\r"}


def test_a_text_steers_no_terminal(in_process, tmp_path):
    (tmp_path / "text.txt").write_text("the cat \x1b[2J sat\x07 on \x9b5m the mat.\n" * 60)
    text = ["dataset=text", "dataset.path=text.txt", "dataset.level=char", "hydra.run.dir=run"]
    small = [o for o in QUICK if not o.startswith("dataset.")]
    outcome = in_process(*small, *text, "train.max_steps=3")
    assert outcome.returncode == 0, outcome.stderr
    samples = (tmp_path / "run/samples.txt").read_text()
    assert "\\x" in samples
    for text in samples, outcome.stdout, (tmp_path / "run/rnnexp.log").read_text():
        assert not set(text) & {"\x1b", "\x07", "\x9b"}
