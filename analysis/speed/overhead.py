"""Measure what the harness costs: the share of an epoch that is no computation, and the seconds of a start.

python -m analysis.speed.overhead [out=runs]

The runs are real ones, with MLflow, checkpoints and progress. Writes overhead.json.
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

from rnnexp.analysis.speed.arguments import folder, run_command
from rnnexp.analysis.speed.tables import machine


@dataclass(frozen=True)
class Case:
    """Describe a run as a user starts it, and the text it trains on: its vocabulary and its length in steps."""

    overrides: str
    vocab_size: int
    tokens: int  # of a step
    steps: int  # of an epoch
    epochs: int
    runs: int  # of which the median is taken


CASES = {  # the first and the smallest of `tasks.SHAPES`
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
STARTS = 5  # of `rnnexp --help`, of which the median is taken


def measure(options: dict[str, str]) -> None:
    """Measure every case, print as it goes, and write the file."""
    out = folder(options["out"])
    with tempfile.TemporaryDirectory() as runs:
        help_s = median_seconds(runs, ["--help"])
        record: dict[str, Any] = {"machine": machine(), "help_s": help_s}
        print(f"rnnexp --help: {help_s:.2f} s")
        for name, case in CASES.items():
            text = Path(runs) / f"{name}.txt"
            write_text(text, case)
            record[name] = overhead(runs, text, case)
            print(
                f"{name}: {record[name]['share']:.2%} of an epoch is no computation; "
                f"first step {record[name]['first_step_s']:.2f} s after the command"
            )
    (out / "overhead.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"Written: {out}/overhead.json")


def write_text(path: Path, case: Case) -> None:
    """Write a text long enough for an epoch, in which every word of the vocabulary occurs."""
    size = case.tokens * case.steps * 10 // 9  # 90% of it is to train on
    frequency = 1 / np.arange(3, case.vocab_size + 3)
    words = np.random.default_rng(0).choice(case.vocab_size, size, p=frequency / frequency.sum())
    words[: case.vocab_size] = np.arange(case.vocab_size)
    path.write_text("\n".join(" ".join(f"w{k}" for k in line) for line in np.array_split(words, 100)))


def overhead(runs: str, text: Path, case: Case) -> dict[str, float]:
    """Return what a case spends besides computing, each as the median of its runs.

    share : of the time between start and end of training, over all epochs, that is no computation.
    epoch_s : seconds of an epoch.
    first_step_s : from the command to the first update.
    """
    command = f"dataset=text dataset.path={text} dataset.level=word train.max_epochs={case.epochs}"
    timed = [timed_run(runs, [*command.split(), *case.overrides.split()]) for _ in range(case.runs)]
    return {
        "share": float(np.median([1 - spent["computation"] / spent["training"] for _, spent in timed])),
        "epoch_s": float(np.median([spent["training"] / case.epochs for _, spent in timed])),
        "first_step_s": float(np.median([spent["first_update"] - started for started, spent in timed])),
    }


def timed_run(runs: str, overrides: list[str]) -> tuple[float, dict]:
    """Run `rnnexp`; return its start in seconds since 1970, and what `profile.timed_run` prints."""
    command = [sys.executable, "-m", "rnnexp.analysis.speed.profile.timed_run", *overrides, "rerun=true"]
    started = time.time()
    result = subprocess.run(command, cwd=runs, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr)
    return started, json.loads(result.stdout.splitlines()[-1])


def median_seconds(runs: str, arguments: list[str]) -> float:
    """Return the median seconds that `rnnexp` takes with these arguments."""
    seconds = []
    for _ in range(STARTS):
        start = time.perf_counter()
        command = [sys.executable, "-m", "rnnexp", *arguments]
        subprocess.run(command, cwd=runs, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def main() -> None:
    """Measure what the command line asks for."""
    run_command("analysis.speed.overhead", __doc__, {"out": "runs"}, measure)


if __name__ == "__main__":
    main()
