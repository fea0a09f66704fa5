"""How time and memory of a training step grow with hidden size, window, batch and vocabulary.

python -m analysis.speed.growth [out=runs]

One axis is varied at a time, the others stay at the values of `BASE`. Writes growth.json and growth.png.
"""

import importlib.util
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.speed.figures import draw_growth
from analysis.speed.options import Refused, read
from analysis.speed.race import cores
from analysis.speed.tables import machine
from analysis.speed.work import FORMS, Shape, Task
from analysis.speed.worker import Worker

BASE = Shape(vocab_size=2000, hidden_size=256, num_layers=1, batch_size=32, bptt=32)
AXES = {
    "hidden_size": [64, 128, 256, 512, 1024],
    "bptt": [8, 16, 32, 64, 128],
    "batch_size": [8, 16, 32, 64, 128],
    "vocab_size": [100, 500, 2000, 10_000, 30_000],
}
CELLS = "lstm", "gru"
TURN_S = 0.4


def main() -> None:
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(__doc__))
    try:
        out = Path(read(sys.argv[1:], {"out": "runs"})["out"])
        out.mkdir(parents=True, exist_ok=True)
    except (Refused, OSError) as error:
        sys.exit(f"analysis.speed.growth: {error}")
    contenders = ["ours", "torch"] if importlib.util.find_spec("torch") else ["ours"]
    records = [
        measure(contender, cell, axis, value)
        for axis, values in AXES.items()
        for value in values
        for cell in CELLS
        for contender in contenders
    ]
    (out / "growth.json").write_text(json.dumps({"machine": machine(), "records": records}, indent=1) + "\n")
    draw_growth(records, out / "growth.png")
    print(f"Written: {out}/growth.json, growth.png")


def measure(contender: str, cell: str, axis: str, value: int) -> dict:
    """Median seconds and peak bytes of a step, with as many threads as are fastest."""
    label = "gru reset after" if (contender, cell) == ("torch", "gru") else cell
    form = next(form for form in FORMS if form.label == label)
    change: Any = {axis: value}
    shape = replace(BASE, **change)
    with Worker(contender, Task(shape, form)) as worker:
        worker.ask("losses", 2)
        threads = worker.ask("use_fastest", sorted({1, cores()}))
        seconds = float(np.median(worker.ask("times", TURN_S)))
        peak = worker.ask("peak_bytes")
    print(f"{axis}={value}, {cell}, {contender}: {seconds * 1e3:.2f} ms a step", flush=True)
    of_step = {"seconds": seconds, "peak_bytes": peak, "threads": threads}
    return {"contender": contender, "cell": label, "axis": axis, **asdict(shape)} | of_step


if __name__ == "__main__":
    main()
