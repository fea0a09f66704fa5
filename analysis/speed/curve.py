"""The first epoch of the book's better models, ours beside PyTorch's: the same text, weights and settings.

python -m analysis.speed.curve data=FOLDER [cells=lstm,gru] [steps=1328] [out=runs]

FOLDER holds the three files of Penn Treebank. The two train at the same time, with a thread each, and differ
in their dropout masks; PyTorch has no GRU with the reset gate before the product. Writes curve.json and
curve.png.
"""

import json
import math
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from analysis.speed.options import Refused, choose, read
from analysis.speed.race import RIVALS
from analysis.speed.tables import machine
from analysis.speed.work import FORMS, SHAPES, Form, Task
from rnnexp.data.batches import Streams
from rnnexp.data.datasets import ptb
from rnnexp.errors import UserError

# as the presets dlfs2_better_lstm and dlfs2_better_gru have it
LSTM = Task(SHAPES["better"], Form("lstm", "lstm", (("forget_bias", 0.0),)), lr=20.0)
GRUS = {form.label: Task(SHAPES["better"], form, lr=10.0) for form in FORMS if form.cell == "gru"}
TASKS = {"lstm": LSTM, **GRUS}
EVALUATION = 10, 35  # streams and steps, as the book evaluates
EVERY = 50  # steps to a point of the curve


def train(who: str, cell: str, data: str, steps: int) -> dict:
    """Nats per token of the training steps, perplexity on the validation text after them, seconds of all."""
    task, corpus = TASKS[cell], ptb.make(data)
    windows = list(Streams(corpus.splits["train"], task.shape.batch_size, task.shape.bptt))[:steps]
    valid = Streams(corpus.splits["valid"], *EVALUATION)
    start = time.perf_counter()
    if who == "torch":
        from analysis.speed.pytorch import PyTorch  # an extra

        rival = PyTorch(task)
        rival.use_threads(1)
        rival.follow(windows)
        losses = [rival.step() for _ in windows]
        seconds, nats = time.perf_counter() - start, rival.nats(valid)
    else:
        from analysis.speed.ours import Ours
        from rnnexp.evaluation.perplexity import summed_nats

        ours = Ours(task)
        ours.race()
        ours.windows = windows
        losses = [ours.step() for _ in windows]
        seconds, nats = time.perf_counter() - start, summed_nats(ours.model, valid)[0]
    return {"losses": losses, "valid_ppl": math.exp(nats / valid.targets.size), "seconds": seconds}


def draw(records: dict[str, dict], path: Path) -> None:
    """Training perplexity over the steps, a line a contender and cell."""
    from matplotlib.figure import Figure  # half a second

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for k, cell in enumerate(dict.fromkeys(record["cell"] for record in records.values())):
        for who, style in ("ours", "-"), ("torch", "--"):
            if f"{cell} {who}" not in records:
                continue
            means = mean_of_each(records[f"{cell} {who}"]["losses"])
            label = f"{cell}, {'PyTorch' if who == 'torch' else who}"
            steps = EVERY * np.arange(1, len(means) + 1)
            axes.plot(steps, np.exp(means), style, color=f"C{k}", label=label)
    axes.set(xlabel="training step", ylabel=f"perplexity of {EVERY} steps", yscale="log")
    axes.legend()
    figure.savefig(path, dpi=120)


def mean_of_each(losses: list[float]) -> np.ndarray:
    """The mean of every run of `EVERY` losses."""
    whole = len(losses) // EVERY * EVERY
    return np.reshape(losses[:whole], (-1, EVERY)).mean(axis=1)


def main() -> None:
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(__doc__))
    try:
        options = read(sys.argv[1:], {"data": "", "cells": "", "steps": "100000", "out": "runs"})
        cells = choose("cells", options["cells"], list(TASKS))
        if not options["steps"].isdigit() or int(options["steps"]) < EVERY:
            raise Refused(f"steps={options['steps']} must be a number from {EVERY}")
        if not find_spec("torch"):
            raise Refused("PyTorch is not installed: pip install torch")
        ptb.make(options["data"] or None)  # before the processes start, and complain
        out = Path(options["out"])
        out.mkdir(parents=True, exist_ok=True)
        records = {}
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            for cell in cells:
                asked = {
                    who: pool.submit(train, who, cell, options["data"], int(options["steps"]))
                    for who in ("ours", *(["torch"] if cell not in RIVALS else []))
                }
                for who, future in asked.items():
                    record = records[f"{cell} {who}"] = {"cell": cell, **future.result()}
                    means = np.exp(mean_of_each(record["losses"]))
                    print(
                        f"{cell}, {who}: perplexity of the last {EVERY} of {len(record['losses'])} steps "
                        f"{means[-1]:.1f}, valid {record['valid_ppl']:.1f}, {record['seconds']:.0f} s",
                        flush=True,
                    )
        (out / "curve.json").write_text(json.dumps({"machine": machine(), "records": records}) + "\n")
        draw(records, out / "curve.png")
        print(f"Written: {out}/curve.json, curve.png")
    except (Refused, UserError, OSError) as error:
        sys.exit(f"analysis.speed.curve: {error}")


if __name__ == "__main__":
    main()
