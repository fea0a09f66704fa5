"""One race: all contenders train the same model in turn, round after round."""

import os
import time
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial

import numpy as np

from analysis.speed.options import Refused
from analysis.speed.work import FORMS, SHAPES, Form, Task
from analysis.speed.worker import Service, Worker
from rnnexp.compute import engine

STEPS_COMPARED = 10
# Relative difference of losses that ten steps of rounding errors can make (7e-5 was seen); the two forms of
# the GRU, say, differ by 2e-3 and more.
TOLERANCE = 5e-4
# PyTorch's GRU is the form with the reset gate after the product, whichever is ours
RIVALS = {"gru": next(form for form in FORMS if form.label == "gru reset after")}
TURN_S = 0.4


def race(name: str, form: Form, contenders: list[str], rounds: int) -> dict:
    """The record of one shape and cell.

    A ratio is the median of the rounds' ratios; its range is that of the rounds.

    Raises
    ------
    Refused where a contender's losses differ, so that it does other work.
    """
    shape = SHAPES[name]
    forms = {who: RIVALS.get(form.label, form) if who == "torch" else form for who in contenders}
    with ExitStack() as stack:
        workers = {
            who: stack.enter_context(Worker(partial(Service, who), Task(shape, forms[who])))
            for who in contenders
        }
        losses = {who: np.array(worker.ask("losses", STEPS_COMPARED)) for who, worker in workers.items()}
        differences = {
            who: float(max(abs(losses[who] / losses["ours"] - 1)))
            for who in contenders
            if who != "ours" and forms[who] == form
        }
        for who, difference in differences.items():
            require_same_work(f"{name}, {form.label}", who, difference)
        threads = {who: worker.ask("use_fastest", sorted({1, cores()})) for who, worker in workers.items()}
        seconds: dict[str, list[float]] = {who: [] for who in contenders}
        floors = []
        for k in range(rounds):
            turn = k % len(contenders)
            for who in contenders[turn:] + contenders[:turn]:
                time.sleep(0.02)  # for the threads of the one before to fall asleep
                seconds[who].append(float(np.median(workers[who].ask("times", TURN_S))))
            floors.append(workers["ours"].ask("floor", 3))
        peaks = {who: worker.ask("peak_bytes") for who, worker in workers.items()}
        parts = workers["ours"].ask("parts", 5)
    times = {who: np.array(values) for who, values in seconds.items()}
    tokens = shape.batch_size * shape.bptt
    ratios = {f"ours/{who}": times[who] / times["ours"] for who in contenders if who != "ours"}
    for slower in {"numba", "numpy"} & times.keys() if "torch" in times else ():
        ratios[f"{slower}/torch"] = times["torch"] / times[slower]
    return {
        "shape": name,
        **asdict(shape),
        "cell": form.label,
        "engine": engine.fastest(),
        "torch_cell": forms["torch"].label if "torch" in forms else None,
        "tokens_per_s": {who: tokens / float(np.median(values)) for who, values in times.items()},
        "ratios": {pair: float(np.median(ratio)) for pair, ratio in ratios.items()},
        "ranges": {pair: [float(min(ratio)), float(max(ratio))] for pair, ratio in ratios.items()},
        "floor_ratio": float(np.median(floors / times["ours"])),
        "peak_bytes": peaks,
        "threads": threads,
        "loss_differences": differences,
        "seconds_by_part": parts,
        "rounds": rounds,
    }


def require_same_work(what: str, who: str, difference: float) -> None:
    """Refused where the losses of ours and another differ by more than rounding does."""
    if not difference < TOLERANCE:
        raise Refused(
            f"{what}: in {STEPS_COMPARED} steps from the same weights the losses of ours and {who} differ "
            f"by {difference:.1e}; they do not do the same work"
        )


def cores() -> int:
    """Those this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
