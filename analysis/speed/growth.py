"""How time and memory of a training step grow with hidden size, window, batch and vocabulary.

python -m analysis.speed.growth [out=runs]

One axis is varied at a time, the others stay at the values of `BASE`. Writes growth.json and growth.png.
"""

import importlib.util
import json
import sys
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from analysis.speed.figures import draw_growth
from analysis.speed.options import Refused, read
from analysis.speed.race import RIVALS, cores
from analysis.speed.tables import machine
from analysis.speed.work import FORMS, Shape, Task
from analysis.speed.worker import Service, Worker

BASE = Shape(vocab_size=2000, hidden_size=256, num_layers=1, batch_size=32, bptt=32)
AXES = {
    "hidden_size": [64, 128, 256, 512, 1024],
    "bptt": [8, 16, 32, 64, 128],
    "batch_size": [8, 16, 32, 64, 128],
    "vocab_size": [125, 500, 2000, 8000, 32_000],
}
CELLS = "lstm", "gru"
TURNS, TURN_S = 5, 0.2


def main() -> None:
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(__doc__))
    try:
        out = Path(read(sys.argv[1:], {"out": "runs"})["out"])
        out.mkdir(parents=True, exist_ok=True)
    except (Refused, OSError) as error:
        sys.exit(f"analysis.speed.growth: {error}")
    contenders = ["ours", "torch"] if importlib.util.find_spec("torch") else ["ours"]
    records = []
    for axis, values in AXES.items():
        for value in values:
            for cell in CELLS:
                records += measure(contenders, cell, axis, value)
    (out / "growth.json").write_text(json.dumps({"machine": machine(), "records": records}, indent=1) + "\n")
    draw_growth(records, out / "growth.png")
    print(f"Written: {out}/growth.json, growth.png")


def measure(contenders: list[str], cell: str, axis: str, value: int) -> list[dict]:
    """Median seconds and peak bytes of a step of each, in turn, with as many threads as are fastest."""
    change: Any = {axis: value}
    shape = replace(BASE, **change)
    form = next(form for form in FORMS if form.label == cell)
    tasks = {who: Task(shape, RIVALS.get(cell, form) if who == "torch" else form) for who in contenders}
    with ExitStack() as stack:
        workers = {
            who: stack.enter_context(Worker(partial(Service, who), task)) for who, task in tasks.items()
        }
        for worker in workers.values():
            worker.ask("losses", 2)
        threads = {who: worker.ask("use_fastest", sorted({1, cores()})) for who, worker in workers.items()}
        turns = [{who: workers[who].ask("times", TURN_S) for who in workers} for _ in range(TURNS)]
        peaks = {who: worker.ask("peak_bytes") for who, worker in workers.items()}
    records = []
    for who, task in tasks.items():
        seconds = float(np.median([np.median(turn[who]) for turn in turns]))
        print(f"{axis}={value}, {task.form.label}, {who}: {seconds * 1e3:.2f} ms a step", flush=True)
        of_step = {"seconds": seconds, "peak_bytes": peaks[who], "threads": threads[who]}
        records.append({"contender": who, "cell": task.form.label, "axis": axis, **asdict(shape)} | of_step)
    return records


if __name__ == "__main__":
    main()
