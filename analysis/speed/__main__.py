"""Tokens a second of a training step: ours, PyTorch's, textbook code, and the step's own matrix products.

python -m analysis.speed [shapes=better,names] [cells=lstm,gru] [rounds=5] [out=runs] [device=cpu]

Every contender trains the same model on the same text from the same weights in a process of its own, and
its losses must be the same: else nothing is reported. Then they are timed in turn, round after round.
Writes speed.json, speed.md and speed.png. With device=gpu the contenders are those of `analysis.speed.gpu`,
the shape is the first one unless others are named, and the files are gpu.json and gpu.md.
"""

import importlib.util
import json
import sys
from pathlib import Path

from analysis.speed import gpu
from analysis.speed.figures import draw_ratios
from analysis.speed.options import Refused, choose, read
from analysis.speed.race import race
from analysis.speed.tables import machine, sentence, table
from analysis.speed.work import FORMS, SHAPES
from rnnexp.compute import engine


def main() -> None:
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(__doc__))
    try:
        defaults = {"shapes": "", "cells": "", "rounds": "5", "out": "runs", "device": "cpu"}
        options = read(sys.argv[1:], defaults)
        (device,) = choose("device", options["device"], ["cpu", "gpu"])
        if device == "gpu":
            options["shapes"] = options["shapes"] or next(iter(SHAPES))
        shapes = choose("shapes", options["shapes"], list(SHAPES))
        cells = choose("cells", options["cells"], [form.label for form in FORMS])
        if not options["rounds"].isdigit() or options["rounds"] == "0":
            raise Refused(f"rounds={options['rounds']} must be a number from 1")
        measure = gpu.report if device == "gpu" else report
        measure(shapes, cells, int(options["rounds"]), Path(options["out"]))
    except (Refused, OSError) as error:
        sys.exit(f"analysis.speed: {error}")


def report(shapes: list[str], cells: list[str], rounds: int, out: Path) -> None:
    """Measure, print as it goes, and write the files."""
    print(f"Ours computes with engine={engine.fastest()}, the fastest that is installed.\n")
    slower = set(engine.installed()) - {engine.fastest()}
    contenders = ["ours", *sorted(slower), "book"]
    if importlib.util.find_spec("torch"):
        contenders.append("torch")
    else:
        print("PyTorch is not installed (pip install torch): measuring the rest.\n")
    out.mkdir(parents=True, exist_ok=True)
    records = []
    for name in shapes:
        for form in FORMS:
            if form.label in cells:
                records.append(race(name, form, contenders, rounds))
                print(sentence(records[-1]), flush=True)
    text = table(records)
    (out / "speed.json").write_text(json.dumps({"machine": machine(), "records": records}, indent=1) + "\n")
    (out / "speed.md").write_text(text)
    drawn = draw_ratios(records, out / "speed.png")
    print(f"\n{text}\nWritten: {out}/speed.json, speed.md" + (", speed.png" if drawn else ""))


if __name__ == "__main__":
    main()
