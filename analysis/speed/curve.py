"""Train the first epoch of the book's better models, ours beside PyTorch's, from the same weights.

python -m analysis.speed.curve data=FOLDER [cells=lstm,gru] [steps=1328] [out=runs]

FOLDER holds the three files of Penn Treebank. The two train at the same time, with a thread each, and differ
in their dropout masks; PyTorch has no GRU with the reset gate before the product. Writes curve.json and
curve.png.
"""

import json
import math
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from rnnexp.analysis.speed.arguments import choose, folder, run_command, whole_number
from rnnexp.analysis.speed.contenders import has_torch, variant_of
from rnnexp.analysis.speed.figures import draw_curve, mean_of_each
from rnnexp.analysis.speed.tables import machine
from rnnexp.analysis.speed.tasks import GRU, GRU_RESET_AFTER, SHAPES, Task, Variant
from rnnexp.data.batches import Streams
from rnnexp.data.datasets import ptb

# as the presets dlfs2_better_lstm and dlfs2_better_gru have it
TASKS = {
    "lstm": Task(SHAPES["better"], Variant("lstm", "lstm", (("forget_bias", 0.0),)), lr=20.0),
    GRU.label: Task(SHAPES["better"], GRU, lr=10.0),
    GRU_RESET_AFTER.label: Task(SHAPES["better"], GRU_RESET_AFTER, lr=10.0),
}
EVALUATION = 10, 35  # rows and steps of a window, as the book evaluates
EVERY = 50  # steps to a point of the curve
DEFAULTS = {"data": "", "cells": "", "steps": "100000", "out": "runs"}


def train(who: str, task: Task, text: np.ndarray, valid_text: np.ndarray, steps: int) -> dict:
    """Train a contender; return nats per token of each step, the validation perplexity after them, and seconds."""
    windows = list(Streams(text, task.shape.batch_size, task.shape.bptt))[:steps]
    valid = Streams(valid_text, *EVALUATION)
    start = time.perf_counter()
    if who == "torch":
        from rnnexp.analysis.speed.contenders.pytorch import PyTorch  # an extra

        theirs = PyTorch(task)
        theirs.use_threads(1)
        theirs.follow(windows)
        losses = [theirs.step() for _ in windows]
        seconds, nats = time.perf_counter() - start, theirs.nats(valid)
    else:
        from rnnexp.analysis.speed.contenders.ours import Ours
        from rnnexp.evaluation.perplexity import summed_nats

        ours = Ours(task)
        ours.prepare_timing()
        ours.windows = windows
        losses = [ours.step() for _ in windows]
        seconds, nats = time.perf_counter() - start, summed_nats(ours.model, valid)[0]
    return {"losses": losses, "valid_ppl": math.exp(nats / valid.targets.size), "seconds": seconds}


def contenders(cell: str) -> list[str]:
    """Return the contenders that train a cell: PyTorch only where it is installed and has the same one."""
    variant = TASKS[cell].variant
    return ["ours", "torch"] if has_torch() and variant_of("torch", variant).label == cell else ["ours"]


def train_all(options: dict[str, str]) -> None:
    """Train every cell that is named, print as it goes, and write the files."""
    cells = choose("cells", options["cells"], list(TASKS))
    steps = whole_number("steps", options["steps"], EVERY)
    splits = ptb.make(options["data"] or None).splits
    out = folder(options["out"])
    if not has_torch():
        print("PyTorch is not installed (pip install torch): training ours alone.\n")
    records = {}
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for cell in cells:
            running = {
                who: pool.submit(train, who, TASKS[cell], splits["train"], splits["valid"], steps)
                for who in contenders(cell)
            }
            for who, future in running.items():
                record = records[f"{cell} {who}"] = {"cell": cell, **future.result()}
                last = np.exp(mean_of_each(record["losses"], EVERY))[-1]
                print(
                    f"{cell}, {who}: perplexity of the last {EVERY} of {len(record['losses'])} steps "
                    f"{last:.1f}, valid {record['valid_ppl']:.1f}, {record['seconds']:.0f} s",
                    flush=True,
                )
    (out / "curve.json").write_text(json.dumps({"machine": machine(), "records": records}) + "\n")
    draw_curve(records, EVERY, out / "curve.png")
    print(f"Written: {out}/curve.json, curve.png")


def main() -> None:
    """Train what the command line asks for."""
    run_command("analysis.speed.curve", __doc__, DEFAULTS, train_all)


if __name__ == "__main__":
    main()
