"""Measure the tokens a second of a training step: ours, PyTorch's, JAX's, textbook code, and its products alone.

python -m analysis.speed [shapes=better,names] [cells=lstm,gru] [rounds=5] [out=runs] [device=cpu]
    [compile=no] [shared=no]

Every contender trains the same model on the same text from the same weights in a process of its own, and
its losses must be the same: else nothing is reported. Then they are timed in turn, round after round.
Writes speed.json, speed.md and speed.png. PyTorch's loop over time, which has every cell, takes part also as
torch.compile makes it with compile=yes: that compiles for minutes at every shape and cell, and needs g++.
On a machine that others use as well, give shared=yes: one thread for everyone and the CPU's own seconds. By the
clock a short step is seldom interrupted and a long one often, which flatters whoever is faster.

With device=gpu the contenders are our three engines and PyTorch with cuDNN, the shape is the first one unless
others are named, and the files are gpu.json and gpu.md.
"""

import os
import shutil
from pathlib import Path

from rnnexp.analysis.speed.arguments import BenchmarkError, choose, run_command, whole_number
from rnnexp.analysis.speed.report import report, report_gpu
from rnnexp.analysis.speed.tasks import SHAPES, VARIANTS

DEFAULTS = {
    "shapes": "",
    "cells": "",
    "rounds": "5",
    "out": "runs",
    "device": "cpu",
    "compile": "no",
    "shared": "no",
}


def measure(options: dict[str, str]) -> None:
    """Measure and report on the shapes and cells that the options name."""
    (device,) = choose("device", options["device"], ["cpu", "gpu"])
    if device == "gpu":
        options["shapes"] = options["shapes"] or next(iter(SHAPES))
    shapes = choose("shapes", options["shapes"], list(SHAPES))
    cells = choose("cells", options["cells"], [variant.label for variant in VARIANTS])
    rounds = whole_number("rounds", options["rounds"], 1)
    compiled, shared = (yes_or_no(options, key) for key in ("compile", "shared"))
    if device == "gpu" and (compiled or shared):
        raise BenchmarkError("compile=yes and shared=yes are for device=cpu")
    if compiled and not shutil.which(os.environ.get("CXX", "g++")):
        raise BenchmarkError("compile=yes needs a C++ compiler: install g++, or name another in CXX")
    if device == "gpu":
        report_gpu(shapes, cells, rounds, Path(options["out"]))
    else:
        report(shapes, cells, rounds, Path(options["out"]), compiled, shared)


def yes_or_no(options: dict[str, str], key: str) -> bool:
    """Return whether an option is yes."""
    return choose(key, options[key], ["no", "yes"]) == ["yes"]


def main() -> None:
    """Measure what the command line names."""
    run_command("analysis.speed", __doc__, DEFAULTS, measure)


if __name__ == "__main__":
    main()
