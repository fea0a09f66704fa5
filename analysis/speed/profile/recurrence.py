"""Do the recurrent products of a window without what stands between them."""

import importlib
from functools import partial

import numpy as np

from rnnexp.compute.threads import in_parallel
from rnnexp.compute.workspace import Workspace
from rnnexp.nn import loops
from rnnexp.nn.loops.numpy import RecurrentProducts, length, recurrent_weights
from rnnexp.nn.recurrent import RecurrentLayer


def multiply_window(layer: RecurrentLayer, workspace: Workspace) -> None:
    """Repeat the recurrent products of the step that left `workspace`, by the engine and threads in use."""
    w = workspace["window"]
    h, parts = w.states["h"][1:], w.parts
    for direction in "forward", "backward":
        # backward makes as many products of the same shapes, with the weights transposed
        given = w, workspace.child(direction), direction == "backward"
        if loops.is_compiled(layer):
            in_parallel(partial(multiply_compiled, loops.choose(layer).weights(*given), h), parts)
        else:
            weights = recurrent_weights(layer.backend, w.U, parts, *given[1:])
            in_parallel(partial(multiply, layer, weights, h), parts)


def multiply(layer: RecurrentLayer, weights: dict, h, rows: slice) -> None:
    """Do the products of one direction for some rows of h (T, B, H)."""
    recurrent = RecurrentProducts(layer.backend, weights[length(rows)], rows)
    for v in h[:, rows]:
        for group in recurrent.matmuls:
            recurrent(group, v)


def multiply_compiled(weights: dict, h, rows: slice) -> None:
    """Do the same in compiled code."""
    compiled = importlib.import_module("rnnexp.analysis.speed.profile.compiled_recurrence")
    for U in weights.values():
        out = np.empty((len(U), length(rows), h.shape[2]), h.dtype)
        compiled.multiply_window(h, U, out, rows.start, rows.stop)
