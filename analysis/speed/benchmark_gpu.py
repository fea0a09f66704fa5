"""Benchmark a training step on a GPU: our three engines, and PyTorch with cuDNN.

Every contender has a process of its own on the same GPU, starts from the same weights, and must have the same
losses; then they are timed in turn. Nothing is needed but NumPy, CuPy and, for the other side, PyTorch.
"""

from contextlib import ExitStack
from functools import partial

import numpy as np

from rnnexp.analysis.speed.arguments import BenchmarkError
from rnnexp.analysis.speed.contenders import GPU, load, takes_part, variant_of
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

TURN_S = 0.5


def benchmark_gpu(name: str, variant: Variant, rounds: int) -> dict:
    """Return the record of one shape and cell.

    Raises
    ------
    BenchmarkError where a contender's losses differ from ours, or ours cannot be run.
    """
    shape = SHAPES[name]
    variants = {who: variant_of(who, variant) for who in GPU if takes_part(who, variant)}
    with ExitStack() as stack:
        workers = {
            who: stack.enter_context(Worker(partial(load, GPU[who]), Task(shape, theirs)))
            for who, theirs in variants.items()
        }
        losses, left_out = {}, {}
        for who in variants:
            try:
                losses[who] = np.array(workers[who].ask("losses", STEPS_COMPARED))
                workers[who].ask("start_timing")
            except (RuntimeError, EOFError) as error:
                why = str(error).strip().rpartition("\n")[2] or "its process died"
                if who == "graph":
                    raise BenchmarkError(f"{name}, {variant.label}: {why}") from error
                left_out[who] = why
                del workers[who]
        differences = {
            who: largest_difference(losses[who], losses["graph"])
            for who in workers
            if who != "graph" and "tf32" not in who and variants[who] == variant
        }
        for who, difference in differences.items():
            require_same_work(f"{name}, {variant.label}", who, difference)
        times = seconds_in_turn(list(workers), rounds, lambda who: workers[who].ask("seconds", TURN_S))
        reserved = {who: worker.ask("reserved_bytes") for who, worker in workers.items()}
        matmul_only_seconds = workers["graph"].ask("matmul_only_seconds")
        parts = workers["graph"].ask("parts")
    ratios = {who: values / times["graph"] for who, values in times.items() if who != "graph"}
    return {
        "shape": name,
        "cell": variant.label,
        "rounds": rounds,
        "seconds": medians(times),
        "ratios": medians(ratios),
        "ranges": ranges(ratios),
        "matmul_only_seconds": matmul_only_seconds,
        "loss_differences": differences,
        "left_out": left_out,
        "reserved_bytes": reserved,
        "parts": parts,
    }
