"""A cell, a data set, an optimizer, an evaluator of the user's own: in a folder, or from an installed package."""

import json
import os
import sys

import pytest

import rnnexp
from rnnexp.errors import UserError
from rnnexp.experiment import known_keys, own_parts
from rnnexp.experiment.config import GIVEN, WITH_EVALUATION
from rnnexp.experiment.known_keys import all_keys
from rnnexp.experiment.progress import REPORT
from tests.api.conftest import SHORT
from tests.conftest import QUICK

CELL = """
from typing import Annotated
from rnnexp.nn.cells.rnn import RNN
from rnnexp.options import Option, at_least

class Mine(RNN):
    def __init__(self, input_size, hidden_size, bias, gain):
        super().__init__(input_size, hidden_size, bias)
        self.gain = gain

    def step(self, arrays, recurrent):
        super().step(arrays, recurrent)
        arrays["h"] *= self.gain

    def local_gradients(self, arrays, grads):
        grads["n"][...] = self.gain - arrays["h"] ** 2 / self.gain

def make(input_size, hidden_size, bias: Annotated[bool, Option("of the gates")],
         gain: Annotated[float, Option("of the state", at_least(0))]):
    return Mine(input_size, hidden_size, bias, gain)
"""
CELL_YAML = """
defaults: [/hydra/schema/cell/mine@_here_]
name: mine
bias: true
gain: 0.5
lr: {sgd: 1.0}
"""
OPTIMIZER = """
from rnnexp.optim.base import ClipNorm, LearningRate, Optimizer

class Signs(Optimizer):
    def step(self, values, g, lr, t):
        values -= lr * g

def make(lr: LearningRate, clip_norm: ClipNorm):
    return Signs(lr, clip_norm)
"""
EVALUATOR = """
from rnnexp.evaluation.base import Evaluator

class Twice(Evaluator):
    def score(self, model, corpus, split, rows=1):
        return {"twice": 2.0 * corpus.targets(split)}

make = Twice
"""
SHORT_RUN = [*QUICK, "train.max_steps=3", "engine=numpy"]


def write(folder, group, name, code, yaml):
    (folder / group).mkdir(parents=True, exist_ok=True)
    (folder / group / f"{name}.py").write_text(code)
    (folder / group / f"{name}.yaml").write_text(yaml)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return a folder with a cell, and forget it afterwards."""
    before = {group: dict(choices) for group, choices in WITH_EVALUATION.items()}
    monkeypatch.setenv(own_parts.PASSED_ON, "{}")
    write(tmp_path / "own", "cell", "mine", CELL, CELL_YAML)
    yield tmp_path / "own"
    for group, choices in before.items():
        WITH_EVALUATION[group].clear()
        WITH_EVALUATION[group].update(choices)
    own_parts.PARTS.clear()
    own_parts.FOLDERS.clear()
    all_keys.cache_clear()


def forget():
    """Be a process that knows no part."""
    for group, name in own_parts.PARTS:
        del WITH_EVALUATION[group][name]
    own_parts.PARTS.clear()
    own_parts.FOLDERS.clear()


def test_a_cell_in_a_folder_trains_generates_evaluates_and_resumes(own, in_process, tmp_path):
    here = ["--config-dir", str(own)]
    done = in_process(*here, "cell=mine", "cell.gain=0.75", "hydra.run.dir=run", *SHORT_RUN)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/parts/cell_mine.py").read_text() == CELL
    assert not list(own.rglob("__pycache__"))
    for command in (
        ["generate", "run=run", "num=1", "length=3", *here],
        ["evaluate", *here, "run=run"],
        ["resume", f"--config-dir={own}", "run"],
        [*here, "resume=run"],
    ):
        done = in_process(*command)
        assert done.returncode == 0, done.stderr
    forget()
    without = in_process("generate", "run=run")
    assert without.returncode == 1
    assert "one of your own needs --config-dir FOLDER, which has it as cell/mine.py" in without.stderr


def test_every_job_of_a_sweep_has_it(own, in_process, tmp_path):
    done = in_process("-m", "--config-dir", str(own), "cell=mine,rnn", *SHORT_RUN, "study=s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name.partition("_")[0] for path in (tmp_path / "runs/s").iterdir()} == {"mine", "rnn"}


def test_the_rest_that_can_be_chosen(own):
    lr = "defaults: [/hydra/schema/optimizer/signs@_here_]\nname: signs\nlr: 0.5\nclip_norm: null\n"
    write(own, "optimizer", "signs", OPTIMIZER, lr)
    package = "# @package evaluation.twice\ndefaults: [/hydra/schema/evaluation/twice@_here_]\nname: twice\n"
    write(own, "evaluation", "twice", EVALUATOR, package)
    short = {key: value for key, value in SHORT.items() if key != "lr"}
    run = rnnexp.train(config_dir=own, cell="mine", optimizer="signs", evaluation=["exact", "twice"], **short)
    assert run.result["test/twice"] == 2 * 399
    assert set(own_parts.chosen(run.config)) == {"cell/mine", "optimizer/signs", "evaluation/twice"}


def test_other_code_is_another_run(own, tmp_path):
    first = rnnexp.train(config_dir=own, cell="mine", folder=tmp_path / "a", **SHORT)
    (own / "cell/mine.py").write_text(
        CELL.replace("super().step", "RNN.step(self, arrays, recurrent) or super().step")
    )
    with pytest.raises(
        UserError, match=r"was made by other code: cell/mine\.py .*; what made it is in .*parts"
    ):
        rnnexp.train(config_dir=own, cell="mine", folder=tmp_path / "a", **SHORT)
    second = rnnexp.train(config_dir=own, cell="mine", folder=tmp_path / "b", **SHORT)
    hashes = [run.kept.tags()["rnnexp.config_hash"] for run in (first, second)]
    assert hashes[0] != hashes[1]


def test_an_installed_package_brings_one(own, monkeypatch, tmp_path):
    package, info = tmp_path / "site/theirs", tmp_path / "site/theirs-1.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text("")
    (package / "mine.py").write_text(CELL)
    (package / "mine.yaml").write_text(CELL_YAML.replace("mine", "theirs"))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[rnnexp.cells]\ntheirs = theirs.mine:make\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    run = rnnexp.train(cell="theirs", gain=0.25, **SHORT)
    assert run.config["cell"] == {"name": "theirs", "bias": True, "gain": 0.25}
    passed_on = json.loads(os.environ[own_parts.PASSED_ON])
    forget()
    own_parts.load_passed_on(WITH_EVALUATION, GIVEN)
    assert passed_on["cell/theirs"]["entry"] == "theirs.mine:make"
    assert "theirs" in WITH_EVALUATION["cell"]
    sys.modules.pop("theirs.mine")


@pytest.mark.parametrize(
    ("code", "yaml", "said"),
    [
        ("def make(:", CELL_YAML, "mine.py, line 1: SyntaxError"),
        ("import nothing_of_that_name", CELL_YAML, "mine.py, line 1: ModuleNotFoundError"),
        ("x = 1", CELL_YAML, "mine.py has no make"),
        ("def make(input_size, hidden_size, gain): pass", CELL_YAML, "its option gain has no type"),
        (CELL, "name: mine\nbias: true\n", "mine.yaml lacks a line .*: defaults: "),
        (CELL, "name: [\n", "mine.yaml cannot be read"),
    ],
)
def test_a_mistake_names_the_file(own, code, yaml, said):
    write(own, "cell", "mine", code, yaml)
    with pytest.raises(UserError, match=said) as error:
        rnnexp.train(config_dir=own, cell="mine", **SHORT)
    assert "\n" not in str(error.value)


def test_what_comes_with_rnnexp_keeps_its_name(own):
    write(own, "cell", "gru", CELL, CELL_YAML)
    with pytest.raises(UserError, match=r"cell=gru comes with rnnexp, so yours needs another name"):
        known_keys.use_own_parts(own)


def test_a_file_that_changes_while_jobs_go_on_is_refused(own, monkeypatch, tmp_path):
    known_keys.use_own_parts(own)
    (own / "cell/mine.py").write_text(CELL + "\n")
    own_parts.load_passed_on(WITH_EVALUATION, GIVEN)  # of a command, which finds it itself
    monkeypatch.setenv(REPORT, str(tmp_path / "report"))
    with pytest.raises(UserError, match=r"mine\.py was changed or removed while its runs went on"):
        own_parts.load_passed_on(WITH_EVALUATION, GIVEN)


def test_a_folder_that_is_none_is_named(own, in_process):
    assert "--config-dir nowhere is no folder" in in_process("--config-dir", "nowhere", "cell=gru").stderr
    assert "--config-dir names no folder" in in_process("generate", "run=x", "--config-dir").stderr
