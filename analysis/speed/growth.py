"""Measure how time and memory of a training step grow with hidden size, window, batch and vocabulary.

python -m analysis.speed.growth [out=runs]

One axis is varied at a time, the others stay at the values of `BASE`. Writes growth.json and growth.png.
"""

import json
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from rnnexp.analysis.speed.arguments import folder, run_command
from rnnexp.analysis.speed.benchmark import cores
from rnnexp.analysis.speed.contenders import takes_part, variant_of
from rnnexp.analysis.speed.contenders.service import Service
from rnnexp.analysis.speed.figures import draw_growth
from rnnexp.analysis.speed.process import Worker
from rnnexp.analysis.speed.rounds import seconds_in_turn
from rnnexp.analysis.speed.tables import machine
from rnnexp.analysis.speed.tasks import GRU, LSTM, Shape, Task, Variant

BASE = Shape(vocab_size=2000, hidden_size=256, num_layers=1, batch_size=32, bptt=32)
AXES = {
    "hidden_size": [64, 128, 256, 512, 1024],
    "bptt": [8, 16, 32, 64, 128],
    "batch_size": [8, 16, 32, 64, 128],
    "vocab_size": [125, 500, 2000, 8000, 32_000],
}
MEASURED = LSTM, GRU
TURNS, TURN_S = 5, 0.2


def grow(options: dict[str, str]) -> None:
    """Measure along every axis, print as it goes, and write the files."""
    out = folder(options["out"])
    records = []
    for axis, values in AXES.items():
        for value in values:
            for variant in MEASURED:
                records += measure(variant, axis, value)
    (out / "growth.json").write_text(json.dumps({"machine": machine(), "records": records}, indent=1) + "\n")
    draw_growth(records, out / "growth.png")
    print(f"Written: {out}/growth.json, growth.png")


def measure(variant: Variant, axis: str, value: int) -> list[dict]:
    """Return a record for each contender: a step's median seconds and peak bytes, with the fastest threads."""
    change: Any = {axis: value}
    shape = replace(BASE, **change)
    contenders = [who for who in ("ours", "torch") if takes_part(who, variant)]
    tasks = {who: Task(shape, variant_of(who, variant)) for who in contenders}
    with ExitStack() as stack:
        workers = {
            who: stack.enter_context(Worker(partial(Service, who), task)) for who, task in tasks.items()
        }
        for worker in workers.values():
            worker.ask("losses", 2)
        threads = {who: worker.ask("use_fastest", sorted({1, cores()})) for who, worker in workers.items()}
        times = seconds_in_turn(contenders, TURNS, lambda who: np.median(workers[who].ask("times", TURN_S)))
        peaks = {who: worker.ask("peak_bytes") for who, worker in workers.items()}
    records = []
    for who, task in tasks.items():
        seconds = float(np.median(times[who]))
        print(f"{axis}={value}, {task.variant.label}, {who}: {seconds * 1e3:.2f} ms a step", flush=True)
        of_step = {"seconds": seconds, "peak_bytes": peaks[who], "threads": threads[who]}
        records.append(
            {"contender": who, "cell": task.variant.label, "axis": axis, **asdict(shape)} | of_step
        )
    return records


def main() -> None:
    """Measure what the command line asks for."""
    run_command("analysis.speed.growth", __doc__, {"out": "runs"}, grow)


if __name__ == "__main__":
    main()
