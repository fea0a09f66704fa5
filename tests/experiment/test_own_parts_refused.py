"""Check that what is wrong with a part of the user's own is said by its file, before anything is made."""

import pytest

import rnnexp
from rnnexp.errors import UserError
from rnnexp.experiment import known_keys, own_parts
from rnnexp.experiment.config import GIVEN, WITH_EVALUATION
from rnnexp.experiment.progress import REPORT
from tests.api.conftest import SHORT
from tests.compute.test_engine import needs_numba
from tests.helpers.own_parts import CELL, CELL_YAML, EVALUATOR, write

PLAIN = """
import numpy as np
from rnnexp.nn.cells.base import Cell
from rnnexp.nn.cells.rnn import RNN

class Mine(RNN):
    {body}

make = Mine
"""
PLAIN_YAML = CELL_YAML.replace("gain: 0.5\n", "")
PART_OF = {
    "schedule": "class Own:\n    def next_lr(self, lr, improved, epoch):\n        return {body}\nmake = Own",
    "dataset": "def make():\n    return {body}",
    "optimizer": """
from rnnexp.optim.base import LearningRate, Optimizer
class Own(Optimizer):
    def __init__(self, lr: LearningRate):
        super().__init__(lr)
    def step(self, values, g, lr, t):
        {body}
make = Own
""",
    "evaluation": "class Own:\n    {body}\nmake = Own",
}
PRESETS = {
    "model:\n  hidden_size: 3\n": " lacks its first line: # @package _global_",
    "- seed\n": " lacks its first line: # @package _global_",
    "# @package _global_\nmodel:\n  hiden_size: 3\n": ": model.hiden_size is not known: did you mean "
    "model.hidden_size?",
    "# @package _global_\nmodel:\n  hidden_size: big\n": ": model.hidden_size=big must be a whole number",
    "# @package _global_\nmdel: {}\n": ": mdel is not known: did you mean model?",
    "# @package _global_\ncell:\n  reset: after\n": ": cell.reset is an option of cell=gru only",
    "# @package _global_\ndefaults: [override /cel: gru]\n": ": override /cel: cel is not known: did you mean cell?",
}


def refused(own, folder, **chosen):
    """Return the line by which a run is refused, which leaves no folder."""
    own_data = "dataset" in chosen
    settings = {key: value for key, value in SHORT.items() if not (own_data and key.endswith("_tokens"))}
    with pytest.raises(UserError) as error:
        rnnexp.train(config_dir=own, folder=folder, **chosen, **settings)
    assert "\n" not in str(error.value)
    assert not folder.exists()
    return str(error.value)


@pytest.mark.parametrize(
    ("code", "yaml", "said"),
    [
        ("def make(:", CELL_YAML, "mine.py, line 1: SyntaxError"),
        ("import nothing_of_that_name", CELL_YAML, "mine.py, line 1: ModuleNotFoundError"),
        ("import sys; sys.exit(3)", CELL_YAML, "mine.py, line 1: SystemExit: 3"),
        ("from mine_too import x", CELL_YAML, "mine.py, line 1: ModuleNotFoundError"),
        ("make = type", CELL_YAML, "mine.py: ValueError: no signature found"),
        ("def make(gain: 'Flaot'): pass", CELL_YAML, "mine.py: NameError: name 'Flaot' is not defined"),
        ("x = 1", CELL_YAML, "mine.py has no make"),
        ("def make(input_size, hidden_size, gain): pass", CELL_YAML, "its option gain has no type"),
        (CELL, "name: mine\nbias: true\n", "mine.yaml lacks a line .*: defaults: "),
        (CELL, "name: [\n", "mine.yaml cannot be read"),
        (CELL, "- mine\n", "mine.yaml lacks a line"),
        (CELL, f"# größe{CELL_YAML}".encode("latin-1"), "mine.yaml is not UTF-8: byte 0xf6 at offset 4"),
        (
            CELL,
            CELL_YAML + "leak: 0.5\n",
            "mine.yaml: cell.leak is not known: there are cell.name, cell.lr, cell.bias, cell.gain$",
        ),
        (CELL, CELL_YAML.replace("true", "maybe"), "mine.yaml: cell.bias=maybe must be true or false$"),
        (
            CELL,
            CELL_YAML.replace("{sgd: 1.0}", "0.5"),
            "mine.yaml: lr is the rate by optimizer, as in lr: {sgd: 2.0}; call an option",
        ),
        (CELL, CELL_YAML.replace("0.5", "much"), "mine.yaml: cell.gain=much must be a number$"),
        (
            CELL,
            None,
            r"mine.py lacks mine.yaml beside it, with defaults: \[/hydra/schema/cell/mine@_here_\]$",
        ),
        (None, CELL_YAML, "mine is not known.*; .*mine.yaml lacks mine.py beside it$"),
    ],
)
def test_a_mistake_names_the_file(own, code, yaml, said):
    write(own, "cell", "mine", code, yaml)
    with pytest.raises(UserError, match=said) as error:
        rnnexp.train(config_dir=own, cell="mine", **SHORT)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('gates, input_gates = "n", "nq"', "input_gates='nq' must be a leading part of gates='n'"),
        ('gates = input_gates = "nn"', "gates='nn' has a letter twice"),
        ('recurrent_matmuls = {"r": "h_prev"}', "feeds 'r', which are no adjacent gates of 'n'"),
        ('recurrent_matmuls = {"n": "c_prev"}', "KeyError: 'c_prev'"),
        (
            "def step(self, arrays, _): arrays['h'][...] = arrays['n'][:, :3]",
            ", line 7: ValueError: could not broad",
        ),
        (
            "def step(self, arrays, _): np.log(-np.abs(arrays['n']), out=arrays['h'])",
            "step gives numbers that are not",
        ),
        ("step_backward = Cell.step_backward", "it defines no step_backward"),
        ("def __init__(self, input_size, hidden_size): self.x", ", line 7: AttributeError"),
        ('states = ("h", "n")', "'n' of states is a name of gates already"),
        (
            "def local_gradients(self, arrays, grads): np.subtract(1, arrays['h'], out=grads['n'])",
            ": ValueError: the gradient of local_gradients and step_backward is not that of step",
        ),
    ],
)
def test_a_cell_that_cannot_work_is_told_before_anything_is_made(own, tmp_path, body, said):
    write(
        own,
        "cell",
        "mine",
        PLAIN.format(body=body),
        PLAIN_YAML.replace("bias: true\n", "") if "__init__" in body else PLAIN_YAML,
    )
    line = refused(own, tmp_path / "run", cell="mine")
    assert line.startswith(f"cell=mine: {own}/cell/mine.py")
    assert said in line


@pytest.mark.parametrize(
    ("group", "body", "said"),
    [
        ("schedule", "None", "schedule=own gave the rate None after epoch 1: next_lr in "),
        ("schedule", "-lr", "schedule=own gave the rate -1.0 after epoch 1"),
        ("schedule", "lr\nOwn = lambda: 3", "make must return what has next_lr; its result is of type int"),
        ("schedule", "lr / 0", "own.py, line 3: ZeroDivisionError"),
        ("dataset", "[1, 2]", "make must return a rnnexp.data.corpus.Corpus; its result is of type list"),
        ("optimizer", "values[...] = values[:3]", "own.py, line 7: ValueError: could not broadcast"),
        ("optimizer", "values *= float('nan')", "step gives numbers that are not finite"),
        ("evaluation", "pass", "make must return a rnnexp.evaluation.base.Evaluator; its result is of"),
    ],
)
def test_another_part_that_cannot_work_is_told_before_anything_is_made(own, tmp_path, group, body, said):
    package = "# @package evaluation.own\n" if group == "evaluation" else ""
    rate = "lr: null\n" if group == "optimizer" else ""
    write(
        own,
        group,
        "own",
        PART_OF[group].format(body=body),
        f"{package}defaults: [/hydra/schema/{group}/own@_here_]\nname: own\n{rate}",
    )
    line = refused(own, tmp_path / "run", **{group: "own"})
    assert line.startswith(f"{group}=own")
    assert said in line


def test_what_goes_wrong_later_is_told_by_file_and_line(own, tmp_path):
    late = "lr if epoch < 2 else [][epoch]"
    write(
        own,
        "schedule",
        "own",
        PART_OF["schedule"].format(body=late),
        "defaults: [/hydra/schema/schedule/own@_here_]\nname: own\n",
    )
    with pytest.raises(UserError, match=r"^schedule=own: .*own\.py, line 3: IndexError: ") as error:
        rnnexp.train(
            config_dir=own,
            schedule="own",
            folder=tmp_path / "run",
            **SHORT | {"max_steps": None, "train_tokens": 200},
        )
    assert error


@needs_numba
def test_a_cell_that_fails_where_it_is_compiled_is_told_by_file(own, tmp_path):
    body = """def step(self, arrays, recurrent):
        super().step(arrays, recurrent)
        if __import__("sys").argv[0].endswith("precompile.py"):
            raise RuntimeError("not here")"""
    write(own, "cell", "mine", f"print('hello')\n{PLAIN.format(body=body)}", PLAIN_YAML)
    said = r"^cell=mine: .*cell/mine\.py, line 11: RuntimeError: not here; engine=numpy compiles nothing$"
    with pytest.raises(UserError, match=said):
        rnnexp.train(config_dir=own, cell="mine", folder=tmp_path / "run", **SHORT | {"engine": "numba"})


def test_scores_that_are_no_numbers_are_told(own, tmp_path):
    code = EVALUATOR.replace("2.0 * corpus.targets(split)", '"good"')
    yaml = "# @package evaluation.own\ndefaults: [/hydra/schema/evaluation/own@_here_]\nname: own\n"
    write(own, "evaluation", "own", code, yaml)
    with pytest.raises(
        UserError, match=r"rnnexp_own.evaluation.own: score of Twice must return numbers by name"
    ):
        rnnexp.train(config_dir=own, evaluation="own", folder=tmp_path / "run", **SHORT)


@pytest.mark.parametrize("text", PRESETS)
def test_a_mistake_in_a_preset_names_file_and_key(own, text):
    file = own / "experiment/a.yaml"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(UserError) as error:
        rnnexp.train(config_dir=own, experiment="a", **SHORT)
    assert str(error.value) == f"{file}{PRESETS[text]}"


def test_a_preset_may_choose_what_there_is_not(own):
    file = own / "experiment/a.yaml"
    file.parent.mkdir()
    file.write_text("# @package _global_\ndefaults: [override /cell: gruu]\n")
    with pytest.raises(UserError, match="cell=gruu is not known: did you mean gru"):
        rnnexp.train(config_dir=own, experiment="a", **SHORT)


def test_an_evaluators_values_say_their_section(own, tmp_path):
    write(own, "evaluation", "own", EVALUATOR, "defaults: [/hydra/schema/evaluation/own@_here_]\nname: own\n")
    line = refused(own, tmp_path / "run", evaluation="own")
    assert line == f"{own}/evaluation/own.yaml lacks its first line: # @package evaluation.own"


def test_what_comes_with_rnnexp_keeps_its_name(own):
    write(own, "cell", "gru", CELL, CELL_YAML)
    with pytest.raises(UserError, match=r"cell=gru comes with rnnexp, so yours needs another name"):
        known_keys.use_own_parts(own)


def test_a_file_that_is_none_or_no_text_is_named(own):
    code = own / "cell/mine.py"
    code.write_bytes("# größe\n".encode("latin-1") + CELL.encode())
    with pytest.raises(UserError, match=r"cell/mine\.py is not UTF-8: byte 0xf6 at offset 4; "):
        known_keys.use_own_parts(own)
    code.unlink()
    code.mkdir()
    with pytest.raises(UserError, match=r"cannot read .*cell/mine\.py: it is a folder"):
        known_keys.use_own_parts(own)


def test_a_file_that_changes_while_jobs_go_on_is_refused(own, monkeypatch, tmp_path):
    known_keys.use_own_parts(own)
    (own / "cell/mine.py").write_text(CELL + "\n")
    own_parts.load_passed_on(WITH_EVALUATION, GIVEN)  # of a command, which finds it itself
    monkeypatch.setenv(REPORT, str(tmp_path / "report"))
    with pytest.raises(UserError, match=r"mine\.py was changed or removed while its runs went on"):
        own_parts.load_passed_on(WITH_EVALUATION, GIVEN)


@pytest.mark.parametrize("text", ["x", "[]", '{"cell/mine": "mine.py"}'])
def test_parts_that_no_command_has_passed_on_are_refused(monkeypatch, text):
    monkeypatch.setenv(own_parts.PASSED_ON, text)
    with pytest.raises(UserError, match=r"RNNEXP_OWN_PARTS in the environment is not the JSON .*: unset it"):
        own_parts.load_passed_on(WITH_EVALUATION, GIVEN)


def test_a_folder_that_is_none_is_named(own, in_process):
    assert "--config-dir nowhere is no folder" in in_process("--config-dir", "nowhere", "cell=gru").stderr
    assert "--config-dir names no folder" in in_process("generate", "run=x", "--config-dir").stderr
