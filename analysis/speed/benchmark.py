"""Benchmark a training step on the CPU: all contenders train the same model in turn."""

import os
import time
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial

import numpy as np

from rnnexp.analysis.speed.contenders import takes_part, variant_of
from rnnexp.analysis.speed.contenders.service import Service
from rnnexp.analysis.speed.process import Worker
from rnnexp.analysis.speed.rounds import (
    STEPS_COMPARED,
    largest_difference,
    medians,
    ranges,
    require_same_work,
    seconds_in_turn,
)
from rnnexp.analysis.speed.tasks import SHAPES, Task, Variant
from rnnexp.compute import engine

TURN_S = 0.4


def benchmark(name: str, variant: Variant, contenders: list[str], rounds: int, shared: bool = False) -> dict:
    """Return the record of one shape and cell.

    Times are in seconds a step. A ratio is the median of the rounds' ratios; its range is that of the rounds.

    shared : whether others use the machine: then everyone has one thread, and seconds are those of the CPU.

    Raises
    ------
    BenchmarkError where a contender's losses differ, so that it does other work.
    """
    shape = SHAPES[name]
    variants = {who: variant_of(who, variant) for who in contenders if takes_part(who, variant)}
    matmul_only: list[float] = []
    with ExitStack() as stack:
        workers = {
            who: stack.enter_context(Worker(partial(Service, who, shared=shared), Task(shape, theirs)))
            for who, theirs in variants.items()
        }
        losses = {who: np.array(worker.ask("losses", STEPS_COMPARED)) for who, worker in workers.items()}
        differences = {
            who: largest_difference(losses[who], losses["ours"])
            for who, theirs in variants.items()
            if who != "ours" and theirs == variant
        }
        for who, difference in differences.items():
            require_same_work(f"{name}, {variant.label}", who, difference)
        numbers = [1] if shared else sorted({1, cores()})
        threads = {who: worker.ask("use_fastest", numbers) for who, worker in workers.items()}

        def seconds(who: str) -> float:
            time.sleep(0.02)  # until the threads of the contender before are asleep
            return float(np.median(workers[who].ask("times", TURN_S)))

        def after_round() -> None:
            matmul_only.append(workers["ours"].ask("matmul_only_seconds", 3))

        times = seconds_in_turn(list(workers), rounds, seconds, after_round)
        peaks = {who: worker.ask("peak_bytes") for who, worker in workers.items()}
        parts = workers["ours"].ask("seconds_by_part", 5)
    tokens = shape.batch_size * shape.bptt
    ratios = {f"ours/{who}": times[who] / times["ours"] for who in times if who != "ours"}
    for slower in {"mkl", "numba", "numpy"} & times.keys() if "torch" in times else ():
        ratios[f"{slower}/torch"] = times["torch"] / times[slower]
    return {
        "shape": name,
        **asdict(shape),
        "cell": variant.label,
        "engine": engine.fastest(),
        "torch_cell": variants["torch"].label if "torch" in variants else None,
        "tokens_per_s": {who: tokens / float(np.median(values)) for who, values in times.items()},
        "ratios": medians(ratios),
        "ranges": ranges(ratios),
        "matmul_only_ratio": float(np.median(matmul_only / times["ours"])),
        "peak_bytes": peaks,
        "threads": threads,
        "loss_differences": differences,
        "seconds_by_part": parts,
        "rounds": rounds,
        "shared": shared,
    }


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
