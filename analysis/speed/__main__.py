"""Tokens a second of a training step: ours, PyTorch's, textbook code, and the step's own matrix products.

python -m analysis.speed [shapes=better,names] [cells=lstm,gru] [rounds=7] [out=runs]

Every contender trains the same model on the same text from the same weights in a process of its own, and
after ten steps must have the same losses: else nothing is reported. Then they are timed in turn, round after
round; a ratio is the median of the rounds' ratios. Writes speed.json, speed.md and speed.png.
"""

import importlib.util
import json
import os
import platform
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np

from analysis.speed.figures import draw_ratios
from analysis.speed.work import FORMS, GOALS, SHAPES, Form, Task
from analysis.speed.worker import Worker

STEPS_COMPARED = 10
# Relative difference of losses that ten steps of rounding errors can make (7e-5 was seen); the two forms of
# the GRU, say, differ by 2e-3 and more.
TOLERANCE = 5e-4
# PyTorch's GRU is the form with the reset gate after the product, whichever is ours
RIVALS = {"gru": next(form for form in FORMS if form.label == "gru reset after")}
BLOCK_S = 0.4  # of a contender's turn


class Refused(Exception):
    """There is nothing to report; the message says why."""


def main() -> None:
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(__doc__))
    try:
        options = read_options(sys.argv[1:], {"shapes": "", "cells": "", "rounds": "7", "out": "runs"})
        shapes = choose("shapes", options["shapes"], list(SHAPES))
        labels = choose("cells", options["cells"], [form.label for form in FORMS])
        rounds = int(options["rounds"]) if options["rounds"].isdigit() else 0
        if rounds < 1:
            raise Refused(f"rounds={options['rounds']} must be a number from 1")
        forms = [form for form in FORMS if form.label in labels]
        report(shapes, forms, rounds, Path(options["out"]))
    except (Refused, OSError) as error:
        sys.exit(f"analysis.speed: {error}")


def read_options(arguments: list[str], defaults: dict[str, str]) -> dict[str, str]:
    """key=value arguments over their defaults."""
    options = dict(defaults)
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if not separator or key not in defaults:
            raise Refused(f"{argument} is not known: give {', '.join(f'{key}=VALUE' for key in defaults)}")
        options[key] = value
    return options


def choose(key: str, value: str, known: list[str]) -> list[str]:
    names = [name for name in value.split(",") if name] or known
    for name in names:
        if name not in known:
            raise Refused(f"{key}={name} is not known: choose from {', '.join(known)}")
    return names


def report(shapes: list[str], forms: list[Form], rounds: int, out: Path) -> None:
    """Measure, print as it goes, and write the files."""
    has_torch = importlib.util.find_spec("torch") is not None
    if not has_torch:
        print("PyTorch is not installed (pip install torch): measuring without it.\n")
    records = []
    for name in shapes:
        for form in forms:
            records.append(race(name, form, rounds, has_torch))
            print(sentence(records[-1]), flush=True)
    out.mkdir(parents=True, exist_ok=True)
    text = table(records)
    (out / "speed.json").write_text(json.dumps({"machine": machine(), "records": records}, indent=1) + "\n")
    (out / "speed.md").write_text(text)
    draw_ratios(records, out / "speed.png")
    print(f"\n{text}\nWritten: {out}/speed.json, speed.md, speed.png")


def race(name: str, form: Form, rounds: int, has_torch: bool) -> dict:
    """One shape and cell: the record of all contenders."""
    shape = SHAPES[name]
    tasks = {"ours": Task(shape, form), "book": Task(shape, form)}
    if has_torch:
        tasks["torch"] = Task(shape, RIVALS.get(form.label, form))
    with ExitStack() as stack:
        workers = {who: stack.enter_context(Worker(who, task)) for who, task in tasks.items()}
        losses = {who: worker.ask("losses", STEPS_COMPARED) for who, worker in workers.items()}
        differences = {
            who: max(abs(np.array(losses[who]) / losses["ours"] - 1))
            for who in workers
            if who != "ours" and tasks[who].form == form
        }
        for who, difference in differences.items():
            if not difference < TOLERANCE:
                raise Refused(
                    f"{name}, {form.label}: after {STEPS_COMPARED} steps from the same weights the losses of ours "
                    f"and {who} differ by {difference:.1e}: they do not do the same work, so there is no ratio"
                )
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = {who: worker.ask("use_fastest", sorted({1, cores})) for who, worker in workers.items()}
        seconds: dict[str, list[float]] = {who: [] for who in workers}
        floors = []
        for k in range(rounds):
            order = list(workers)
            for who in order[k % len(order) :] + order[: k % len(order)]:
                time.sleep(0.02)  # for the threads of the one before to fall asleep
                seconds[who].append(float(np.median(workers[who].ask("times", BLOCK_S))))
            floors.append(workers["ours"].ask("floor", 3))
        peaks = {who: worker.ask("peak_bytes") for who, worker in workers.items()}
        parts = workers["ours"].ask("parts", 5)
    ours = np.array(seconds["ours"])
    tokens = shape.batch_size * shape.bptt
    ratios = {who: np.array(times) / ours for who, times in seconds.items() if who != "ours"}
    return {
        "shape": name,
        **asdict(shape),
        "cell": form.label,
        "torch_cell": tasks["torch"].form.label if has_torch else None,
        "tokens_per_s": {who: tokens / float(np.median(times)) for who, times in seconds.items()},
        "times_faster_than": {who: float(np.median(ratio)) for who, ratio in ratios.items()},
        "times_faster_range": {who: [float(min(r)), float(max(r))] for who, r in ratios.items()},
        "floor_ratio": float(np.median(floors / ours)),
        "peak_bytes": peaks,
        "threads": threads,
        "loss_difference": {who: float(difference) for who, difference in differences.items()},
        "seconds_by_part": parts,
        "rounds": rounds,
    }


def sentence(record: dict) -> str:
    parts = [f"{record['shape']}, {record['cell']}: {record['tokens_per_s']['ours']:,.0f} tokens/s"]
    for who, times in record["times_faster_than"].items():
        low, high = record["times_faster_range"][who]
        parts.append(f"{times:.2f} x {who} ({low:.2f} to {high:.2f})")
    return ", ".join([*parts, f"{record['floor_ratio']:.2f} of the products' speed"])


def table(records: list[dict]) -> str:
    """The records as Markdown."""
    rows = [["shape", "cell", "tokens/s", "x PyTorch", "goal", "x textbook", "of the floor", "peak MB", "PyTorch's"]]
    for record in records:
        times, peaks = record["times_faster_than"], record["peak_bytes"]
        goal = GOALS[record["shape"]][record["cell"].split()[0]]
        rows.append(
            [
                record["shape"],
                record["cell"],
                f"{record['tokens_per_s']['ours']:,.0f}",
                f"{times['torch']:.2f}" if "torch" in times else "-",
                f"{goal:.2f}",
                f"{times['book']:.2f}",
                f"{record['floor_ratio']:.2f}",
                *(f"{peaks[who] / 1e6:,.0f}" if peaks.get(who) else "-" for who in ("ours", "torch")),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows)]
    rows.insert(1, ["-" * width for width in widths])
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in rows]
    used = dict.fromkeys(record["shape"] for record in records)
    legend = "\n".join(f"- {name}: {SHAPES[name]}" for name in used)
    return (
        "\n".join(lines)
        + "\n\nShapes (vocabulary / hidden x layers / batch / window):\n\n"
        + legend
        + "\n\nPyTorch's GRU has the reset gate after the product, whichever form ours has. Each contender uses the\n"
        "number of threads that is fastest for it. The floor is the step's matrix products alone.\n"
        f"\n{machine()}\n"
    )


def machine() -> str:
    """What was measured on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.processor() or platform.machine()
    packages = [f"{name} {version(name)}" for name in ("numpy", "torch") if importlib.util.find_spec(name)]
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, " + ", ".join(packages)


if __name__ == "__main__":
    main()
