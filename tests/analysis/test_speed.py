"""The measurements: contenders do the same work, differences are refused, records say what they should."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from analysis.speed.book import STEPS, Book
from analysis.speed.options import Refused
from analysis.speed.ours import Numba, NumPy, Ours
from analysis.speed.race import RIVALS, TOLERANCE, require_same_work
from analysis.speed.work import FORMS, GOALS, SHAPES, Shape, Task
from rnnexp.compute import engine
from tests.conftest import HAS_GPU, REPOSITORY, STANDIN

SMALL = Shape(11, 6, 2, 3, 4, dropout=0.4)


def losses(contender, task, steps=6):
    run = contender(task)
    run.compare()
    return np.array([run.step() for _ in range(steps)])


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("tie", [False, True])
def test_all_contenders_do_the_same_work(form, tie):
    task = Task(Shape(11, 6, 2, 3, 4, dropout=0.4, tie_weights=tie), form, lr=5.0)
    ours = losses(Ours, task)
    assert abs(ours[0] - ours[-1]) > 1e-3  # they train
    for slower in [Numba] * ("numba" in engine.installed()) + [NumPy]:
        np.testing.assert_allclose(losses(slower, task), ours, rtol=1e-5)
    np.testing.assert_allclose(losses(Book, task), ours, rtol=1e-5)


@pytest.mark.parametrize("form", [form for form in FORMS if form.label not in RIVALS], ids=str)
@pytest.mark.parametrize("tie", [False, True])
def test_pytorch_does_the_same_work(form, tie):
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
    from analysis.speed.pytorch import PyTorch

    task = Task(Shape(11, 6, 2, 3, 4, dropout=0.4, tie_weights=tie), form, lr=5.0)
    np.testing.assert_allclose(losses(PyTorch, task), losses(Ours, task), rtol=1e-5)


@pytest.mark.parametrize(("form", "name"), [("lstm", "CuDNN"), ("rnn", "InGraph"), ("gru", "StepByStep")])
@pytest.mark.parametrize("tie", [False, True])
def test_the_rivals_on_a_gpu_do_the_same_work(form, name, tie, monkeypatch):
    """Tried on the CPU, where PyTorch needs no GPU."""
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
    from analysis.speed import gpu_pytorch

    monkeypatch.setattr(gpu_pytorch.CuDNN, "device", "cpu")
    labels = {form.label: form for form in FORMS}
    task = Task(Shape(11, 6, 2, 3, 4, dropout=0.4, tie_weights=tie), labels[form], lr=5.0)
    np.testing.assert_allclose(getattr(gpu_pytorch, name)(task).losses(6), losses(Ours, task), rtol=1e-5)


def test_a_step_on_a_gpu_is_what_it_is_on_the_cpu(gpu):
    from analysis.speed.gpu_ours import Graph, Plain

    task = Task(Shape(11, 6, 2, 3, 4, dropout=0.4), FORMS[1], lr=5.0)
    expected = losses(Ours, task, 40)
    for contender in Graph, Plain:
        run = contender(task)
        np.testing.assert_allclose(run.losses(40), expected, rtol=1e-4)
        run.use.__exit__(None, None, None)


@pytest.mark.slow
def test_the_command_on_a_gpu(tmp_path):
    """With the package, NumPy and CuPy alone."""
    if not HAS_GPU and not shutil.which("g++"):
        pytest.skip("neither a GPU nor g++")
    script = tmp_path / "bare.py"
    heavy = (
        "hydra omegaconf mlflow pandas threadpoolctl psutil filelock tqdm yaml scipy numba matplotlib torch"
    )
    script.write_text(
        f"import sys\nfor name in {heavy.split()}:\n    sys.modules[name] = None\n"
        "from analysis.speed.__main__ import main\nif __name__ == '__main__':\n    main()\n"
    )
    path = [REPOSITORY, *([] if HAS_GPU else [STANDIN])]
    result = subprocess.run(
        [sys.executable, script, "device=gpu", "shapes=names", "cells=rnn", "rounds=1", f"out={tmp_path}"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "PyTorch is not installed" in result.stdout
    (record,) = json.loads((tmp_path / "gpu.json").read_text())["records"]
    assert record["seconds"].keys() == {"graph", "fused", "cupy", "graph, tf32"}
    assert record["floor_seconds"] > 0
    assert record["parts"]["RNN_step"]["times"] == record["parts"]["product 32x50x50 x1"]["times"] / 2 == 16
    assert "names, rnn: " in (tmp_path / "gpu.md").read_text()


def test_other_work_is_refused(monkeypatch):
    def forgetful(x, state, *weights):
        (h, c), backward = STEPS["lstm"](x, state, *weights)
        return (h, c), lambda dstate: backward((dstate[0], 0 * dstate[1]))

    lstm = FORMS[0]
    task = Task(SHAPES["names"], lstm)
    ours = losses(Ours, task, 10)
    with monkeypatch.context() as patched:
        other = Book(task)
        patched.setattr(other, "step_of", forgetful)
        other.compare()
        difference = max(abs(np.array([other.step() for _ in range(10)]) / ours - 1))
    with pytest.raises(Refused, match=r"names, lstm: in 10 steps .* they do not do the same work"):
        require_same_work("names, lstm", "book", difference)
    with pytest.raises(Refused):
        require_same_work("names, lstm", "book", float("nan"))
    require_same_work("names, lstm", "book", TOLERANCE / 2)


def test_the_parts_make_up_a_step():
    run = Ours(Task(SMALL, FORMS[0]))
    run.race()
    run.step()
    parts = run.parts(3)
    assert {"time loop forward", "time loop backward", "softmax", "clip and update", "dropout"} <= set(parts)
    assert all(seconds >= 0 for seconds in parts.values())
    assert run.floor(2) > 0


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )


def test_a_race_from_the_command_to_its_files(tmp_path):
    result = command("analysis.speed", "shapes=names", "cells=rnn", "rounds=1", f"out={tmp_path}")
    assert result.returncode == 0, result.stderr
    (record,) = json.loads((tmp_path / "speed.json").read_text())["records"]
    assert (record["shape"], record["cell"], record["hidden_size"]) == ("names", "rnn", 50)
    assert {"ours", "book"} <= record["tokens_per_s"].keys()
    assert record["ratios"]["ours/book"] > 0
    assert 0 < record["floor_ratio"] < 2
    assert record["peak_bytes"]["ours"] > 0
    report = (tmp_path / "speed.md").read_text()
    assert f"| names | rnn  | {record['tokens_per_s']['ours']:,.0f}" in report
    assert "time loop forward" in report
    assert (tmp_path / "speed.png").exists() == ("torch" in record["tokens_per_s"])


@pytest.mark.parametrize(
    ("module", "argument", "message"),
    [
        ("analysis.speed", "shapes=huge", "shapes=huge is not known: choose from better, "),
        ("analysis.speed", "cells=lsmt", "cells=lsmt is not known: choose from lstm, "),
        ("analysis.speed", "rounds=0", "rounds=0 must be a number from 1"),
        ("analysis.speed", "fast", "fast is not known: give shapes=VALUE"),
        ("analysis.speed.growth", "rounds=1", "rounds=1 is not known: give out=VALUE"),
        ("analysis.speed.overhead", "out=/dev/null/x", "Not a directory"),
    ],
)
def test_a_mistake_gets_one_line(module, argument, message):
    result = command(module, argument)
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_every_shape_has_a_goal_for_every_cell():
    assert GOALS.keys() == SHAPES.keys()
    for goals in GOALS.values():
        assert goals.keys() == {form.cell for form in FORMS}
