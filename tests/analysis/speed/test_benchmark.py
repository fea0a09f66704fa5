"""Differences are refused, records say what they should, and mistakes get one line."""

import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from rnnexp.analysis.speed import __main__ as speed
from rnnexp.analysis.speed import benchmark, curve, growth, overhead
from rnnexp.analysis.speed.arguments import BenchmarkError
from rnnexp.analysis.speed.contenders.ours import Ours
from rnnexp.analysis.speed.contenders.service import Service
from rnnexp.analysis.speed.contenders.textbook import STEPS, Textbook
from rnnexp.analysis.speed.process import Worker
from rnnexp.analysis.speed.rounds import (
    STEPS_COMPARED,
    TOLERANCE,
    largest_difference,
    medians,
    ranges,
    require_same_work,
    seconds_in_turn,
)
from rnnexp.analysis.speed.tables import machine, table
from rnnexp.analysis.speed.tasks import LSTM, SHAPES, VARIANTS, Task
from tests.conftest import HAS_GPU, REPOSITORY, STANDIN


def first_losses(contender):
    contender.prepare_comparison()
    return np.array([contender.step() for _ in range(STEPS_COMPARED)])


def test_other_work_is_refused(monkeypatch):
    def forgetful(x, state, *weights):
        (h, c), backward = STEPS["lstm"](x, state, *weights)
        return (h, c), lambda dstate: backward((dstate[0], 0 * dstate[1]))

    task = Task(SHAPES["names"], LSTM)
    other = Textbook(task)
    monkeypatch.setattr(other, "step_of", forgetful)
    difference = largest_difference(first_losses(other), first_losses(Ours(task)))
    with pytest.raises(BenchmarkError, match=r"names, lstm: in 3 steps .* they do not do the same work"):
        require_same_work("names, lstm", "textbook", difference)
    with pytest.raises(BenchmarkError):
        require_same_work("names, lstm", "textbook", float("nan"))
    require_same_work("names, lstm", "textbook", TOLERANCE / 2)


def test_every_contender_is_first_in_turn():
    asked, rounds = [], []

    def measure(who):
        asked.append(who)
        return len(asked)

    times = seconds_in_turn(["a", "b", "c"], 4, measure, lambda: rounds.append(len(asked)))
    assert "".join(asked) == "abc" + "bca" + "cab" + "abc"
    assert rounds == [3, 6, 9, 12]
    assert {who: values.tolist() for who, values in times.items()} == {
        "a": [1, 6, 8, 10],
        "b": [2, 4, 9, 11],
        "c": [3, 5, 7, 12],
    }
    ratios = {"a/b": times["b"] / times["a"]}
    assert medians(ratios) == {"a/b": pytest.approx((1.1 + 9 / 8) / 2)}
    assert ranges(ratios) == {"a/b": [pytest.approx(4 / 6), 2.0]}


class Counting:
    """A contender whose steps take as long as its number of threads says, by a clock that it sets."""

    def __init__(self):
        self.now, self.threads, self.said = 0.0, 1, []

    def use_threads(self, number):
        self.threads = number
        self.said.append("threads")

    def prepare_comparison(self):
        self.said.append("comparison")

    def prepare_timing(self):
        self.said.append("timing")

    def step(self):
        self.now += {1: 0.03, 2: 0.02, 4: 0.05}[self.threads]
        self.said.append("step")
        return self.now


@pytest.fixture
def service():
    made = Service.__new__(Service)
    made.contender = Counting()
    made.clock = lambda: made.contender.now
    return made


def test_the_fastest_number_of_threads_is_kept(service):
    assert service.use_fastest([1, 2, 4]) == service.contender.threads == 2
    assert service.contender.said[-1] == "step", "which takes longer where the contender began anew"


def test_steps_are_timed_for_as_long_as_was_asked(service):
    assert service.times(0.2) == pytest.approx([0.03] * 7)
    assert service.times(0.01) == pytest.approx([0.03] * 2), "two at least"


def test_where_others_use_the_machine_only_time_spent_computing_counts():
    task = Task(SHAPES["names"], LSTM)
    assert Service("numpy", task).clock is time.perf_counter
    assert Service("numpy", task, shared=True).clock is time.process_time


def test_losses_are_compared_before_the_step_that_warms_up_the_timing(service):
    assert service.losses(2) == pytest.approx([0.03, 0.06])
    assert service.contender.said == ["comparison", "step", "step", "timing", "step"]


class Answers:
    """Answers like the process of a contender: 4 and 2 seconds in two rounds are ours, 8 and 3 another's."""

    def __init__(self, make, task):
        (self.who,) = make.args
        self.shared = make.keywords["shared"]
        self.seconds = iter([4.0, 2.0] if self.who == "ours" else [8.0, 3.0])

    def ask(self, command, *arguments):
        if command == "use_fastest":
            assert (arguments[0] == [1]) or not self.shared
        if command == "times":
            return [next(self.seconds)]
        losses = [1.0, 2.0] if self.who == "ours" else [1.0, 2.0 * (1 + TOLERANCE / 2)]
        known = {"losses": losses, "use_fastest": 1, "matmul_only_seconds": 1.5, "peak_bytes": 10}
        return known.get(command)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_a_record_holds_what_was_measured(monkeypatch):
    monkeypatch.setattr(benchmark, "Worker", Answers)
    record = benchmark.benchmark("names", LSTM, ["ours", "textbook"], 2)
    shape = SHAPES["names"]
    tokens = shape.batch_size * shape.bptt
    assert record["tokens_per_s"] == {"ours": tokens / 3, "textbook": tokens / 5.5}
    assert record["ratios"] == {"ours/textbook": (8 / 4 + 3 / 2) / 2}
    assert record["ranges"] == {"ours/textbook": [1.5, 2.0]}
    assert record["matmul_only_ratio"] == (1.5 / 4 + 1.5 / 2) / 2
    assert record["loss_differences"] == {"textbook": pytest.approx(TOLERANCE / 2)}
    assert benchmark.benchmark("names", LSTM, ["ours"], 1, shared=True)["shared"]
    monkeypatch.setattr("rnnexp.analysis.speed.rounds.TOLERANCE", TOLERANCE / 4)
    with pytest.raises(BenchmarkError, match=r"names, lstm: .* they do not do the same work"):
        benchmark.benchmark("names", LSTM, ["ours", "textbook"], 2)


def fail(task):
    raise ValueError("no such thing")


def test_what_goes_wrong_in_the_process_of_a_contender_is_told():
    with Worker(fail, Task(SHAPES["names"], LSTM)) as worker:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="ValueError: no such thing"):
                worker.ask("losses", 1)


@pytest.mark.slow
def test_a_benchmark_from_the_command_to_its_files(tmp_path):
    arguments = ["shapes=names", "cells=rnn", "rounds=1", f"out={tmp_path}"]
    result = command("analysis.speed", *arguments)
    assert result.returncode == 0, result.stderr
    (record,) = json.loads((tmp_path / "speed.json").read_text())["records"]
    assert (record["shape"], record["cell"], record["hidden_size"]) == ("names", "rnn", 50)
    assert {"ours", "textbook"} <= record["tokens_per_s"].keys()
    assert record["ratios"]["ours/textbook"] > 0
    assert record["matmul_only_ratio"] > 0
    assert record["peak_bytes"]["ours"] > 0
    report = (tmp_path / "speed.md").read_text()
    assert f"| names | rnn  | {record['tokens_per_s']['ours']:,.0f}" in report
    assert "time loop forward" in report
    assert (tmp_path / "speed.png").exists() == ("torch" in record["tokens_per_s"])
    assert report == table([record]), "the table is made of the record alone"
    assert machine() in report


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
        "from rnnexp.analysis.speed.__main__ import main\nif __name__ == '__main__':\n    main()\n"
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
    assert record["matmul_only_seconds"] > 0
    assert (
        record["parts"]["RNN_forward"]["times"] == record["parts"]["product_of_few_rows"]["times"] / 2 == 16
    )
    assert "names, rnn: " in (tmp_path / "gpu.md").read_text()


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )


LABELS = ", ".join(variant.label for variant in VARIANTS)
MISTAKES = [
    (speed, "shapes=huge", f"shapes=huge is not known: choose from {', '.join(SHAPES)}"),
    (speed, "cells=lsmt", f"cells=lsmt is not known: choose from {LABELS}"),
    (speed, "rounds=0", "rounds=0 must be a number from 1"),
    (speed, "fast", "fast is not known: give shapes=VALUE"),
    (speed, "device=tpu", "device=tpu is not known: choose from cpu, gpu"),
    (speed, "compile=maybe", "compile=maybe is not known: choose from no, yes"),
    (growth, "rounds=1", "rounds=1 is not known: give out=VALUE"),
    (overhead, "out=/dev/null/x", "Not a directory"),
    (curve, "steps=49", "steps=49 must be a number from 50"),
    (curve, "data=/dev/null", "/dev/null"),
]


@pytest.mark.parametrize(("module", "argument", "message"), MISTAKES)
def test_a_mistake_gets_one_line(module, argument, message, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["speed", argument])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert message in ended.value.code
    assert len(ended.value.code.splitlines()) == 1


def test_nothing_is_compiled_on_a_gpu_or_without_a_compiler(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    for device, message in (
        ("gpu", "compile=yes and shared=yes are for device=cpu"),
        ("cpu", "needs a C.. compiler: install g"),
    ):
        with pytest.raises(BenchmarkError, match=message):
            speed.measure(speed.DEFAULTS | {"device": device, "compile": "yes"})


def test_a_mistake_is_all_that_the_command_prints():
    result = command("analysis.speed.growth", "rounds=1")
    assert result.returncode == 1
    assert result.stderr == "analysis.speed.growth: rounds=1 is not known: give out=VALUE\n"


@pytest.mark.parametrize("module", [speed, growth, overhead, curve])
def test_help_says_how_the_command_is_called(module, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["speed", "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert not ended.value.code
    name = module.__name__.removesuffix(".__main__").removeprefix("rnnexp.")
    assert f"\npython -m {name} [" in capsys.readouterr().out.replace(" data=FOLDER", "")
