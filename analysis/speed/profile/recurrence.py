"""Does the recurrent products of a window without what stands between them."""

import importlib

import numpy as np

from rnnexp.compute.parameters import Workspace
from rnnexp.compute.threads import in_parallel
from rnnexp.nn.cells.base import Cell, Recurrence, length


def multiply_window(cell: Cell, workspace: Workspace) -> None:
    """Repeat those of the step that left `workspace`, forward and backward, by engine and threads in use."""
    h = workspace["window"].states["h"][1:]
    parts = cell.shares(h.shape[1])
    for direction in "forward", "backward":
        # backward makes as many products of the same shapes, with the weights transposed
        weights = cell.weights(
            parts, workspace.child(direction), cell.loops(), transposed=direction == "backward"
        )
        in_parallel(lambda part, weights=weights: multiply(cell, weights[length(part)], h, part), parts)


def multiply(cell: Cell, weights: dict, h, streams: slice) -> None:
    """Do the products of one direction for some streams."""
    if cell.loops():
        compiled = importlib.import_module("analysis.speed.profile.compiled_recurrence")
        for run, U in weights.items():
            out = np.empty((len(run), length(streams), cell.hidden_size), h.dtype)
            compiled.multiply_window(h, U, out, streams.start, streams.stop)
    else:
        recur = Recurrence(weights, streams)
        for v in h[:, streams]:
            for run in weights:
                recur(run, v)
