"""The recurrent products of a window without what stands between them."""

import importlib

import numpy as np

from rnnexp.cells.base import Cell, Recurrence, length
from rnnexp.params import Tape
from rnnexp.threads import in_parallel


def multiply_window(cell: Cell, tape: Tape) -> None:
    """Those of the step that left `tape`, by the engine and the threads in use, forward and backward."""
    h = tape["window"].states["h"][1:]
    parts = cell.shares(h.shape[1])
    for direction in "forward", "backward":
        # backward makes as many products of the same shapes, with the weights transposed
        weights = cell.weights(parts, tape.part(direction), cell.loops(), transposed=direction == "backward")
        in_parallel(lambda part, weights=weights: multiply(cell, weights[length(part)], h, part), parts)


def multiply(cell: Cell, weights: dict, h, streams: slice) -> None:
    if cell.loops():
        compiled = importlib.import_module("analysis.speed.compiled")
        for run, U in weights.items():
            out = np.empty((len(run), length(streams), cell.hidden_size), h.dtype)
            compiled.multiply_window(h, U, out, streams.start, streams.stop)
    else:
        recur = Recurrence(weights, streams)
        for v in h[:, streams]:
            for run in weights:
                recur(run, v)
