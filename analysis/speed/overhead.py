"""What the harness costs: the share of an epoch that is no computation, and how long a start takes.

python -m analysis.speed.overhead [out=runs]

Real runs, with MLflow, checkpoints and progress. Writes overhead.json.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.speed.options import Refused, read
from analysis.speed.tables import machine


@dataclass(frozen=True)
class Case:
    """A run as a user starts it, on a text of so many different words and training steps an epoch."""

    overrides: str
    vocab_size: int
    tokens: int  # of a step
    steps: int  # of an epoch
    epochs: int
    runs: int  # of which the median is taken


CASES = {  # the first and the smallest of `work.SHAPES`
    "better": Case(
        "model.embed_size=650 model.hidden_size=650 model.num_layers=2 model.dropout=0.5 "
        "model.tie_weights=true train.batch_size=20 train.bptt=35",
        10_000,
        20 * 35,
        300,
        1,
        1,
    ),
    "names": Case(
        "model.embed_size=50 model.hidden_size=50 model.num_layers=1 train.batch_size=32 train.bptt=16",
        27,
        32 * 16,
        2000,
        2,
        3,
    ),
}

# Runs `rnnexp` and prints, as JSON: seconds of training and of the computation in it, and when the first
# update was done.
TIMED = """
import json, time
from unittest.mock import patch
from rnnexp.nn import model
from rnnexp.optim import base
from rnnexp.evaluation import perplexity
from rnnexp.cli.main import main
from rnnexp.experiment import runner
spent = {"training": 0.0, "computation": 0.0, "first update": None}
running = []
def timed(key, function):
    def call(*args, **kwargs):
        counts = key not in running  # an evaluation calls the model's forward pass
        running.append(key)
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            running.pop()
            if counts:
                spent[key] += time.perf_counter() - start
            if function is update:
                spent["first update"] = spent["first update"] or time.time()
    return call
update = base.Optimizer.update
with (
    patch("rnnexp.experiment.runner.train_and_test", timed("training", runner.train_and_test)),
    patch("rnnexp.experiment.runner.final_metrics", timed("computation", runner.final_metrics)),
    patch("rnnexp.training.loop.evaluate", timed("computation", perplexity.evaluate)),
    patch("rnnexp.nn.model.Model.forward", timed("computation", model.Model.forward)),
    patch("rnnexp.nn.model.Model.backward", timed("computation", model.Model.backward)),
    patch("rnnexp.optim.base.Optimizer.update", timed("computation", update)),
):
    assert main() == 0
print(json.dumps(spent))
"""


def main() -> None:
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(__doc__))
    try:
        out = Path(read(sys.argv[1:], {"out": "runs"})["out"]).absolute()
        out.mkdir(parents=True, exist_ok=True)
    except (Refused, OSError) as error:
        sys.exit(f"analysis.speed.overhead: {error}")
    with tempfile.TemporaryDirectory() as folder:
        help_s = median_seconds(folder, ["--help"])
        record: dict[str, Any] = {"machine": machine(), "help_s": help_s}
        print(f"rnnexp --help: {help_s:.2f} s")
        for name, case in CASES.items():
            text = Path(folder) / f"{name}.txt"
            write_text(text, case)
            record[name] = overhead(folder, text, case)
            print(
                f"{name}: {record[name]['share']:.2%} of an epoch is no computation; "
                f"first step {record[name]['first_step_s']:.2f} s after the command"
            )
    (out / "overhead.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"Written: {out}/overhead.json")


def write_text(path: Path, case: Case) -> None:
    """Words of a text long enough for an epoch, every one of the vocabulary among them."""
    size = case.tokens * case.steps * 10 // 9  # 90% of it is to train on
    frequency = 1 / np.arange(3, case.vocab_size + 3)
    words = np.random.default_rng(0).choice(case.vocab_size, size, p=frequency / frequency.sum())
    words[: case.vocab_size] = np.arange(case.vocab_size)
    path.write_text("\n".join(" ".join(f"w{k}" for k in line) for line in np.array_split(words, 100)))


def overhead(folder: str, text: Path, case: Case) -> dict[str, float]:
    """Share of the time between start and end of training that is no computation, over all epochs; and
    the seconds from the command to the first update."""
    command = [
        f"dataset=text dataset.path={text} dataset.level=word train.max_epochs={case.epochs}",
        case.overrides,
    ]
    runs = [run(folder, " ".join(command).split()) for _ in range(case.runs)]
    return {
        "share": float(np.median([1 - spent["computation"] / spent["training"] for _, spent in runs])),
        "epoch_s": float(np.median([spent["training"] / case.epochs for _, spent in runs])),
        "first_step_s": float(np.median([spent["first update"] - started for started, spent in runs])),
    }


def run(folder: str, overrides: list[str]) -> tuple[float, dict]:
    started = time.time()
    result = subprocess.run(
        [sys.executable, "-c", TIMED, *overrides, "rerun=true"], cwd=folder, capture_output=True, text=True
    )
    if result.returncode:
        raise RuntimeError(result.stderr)
    return started, json.loads(result.stdout.splitlines()[-1])


def median_seconds(folder: str, arguments: list[str]) -> float:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        command = [sys.executable, "-m", "rnnexp", *arguments]
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


if __name__ == "__main__":
    main()
