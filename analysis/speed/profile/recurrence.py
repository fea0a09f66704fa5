"""Do the recurrent products of a window without what stands between them."""

import importlib

import numpy as np

from rnnexp.compute.threads import in_parallel
from rnnexp.compute.workspace import Workspace
from rnnexp.nn import loops
from rnnexp.nn.loops.numpy import RecurrentProducts
from rnnexp.nn.loops.weights import length, recurrent_weights
from rnnexp.nn.recurrent import RecurrentLayer


def multiply_window(layer: RecurrentLayer, workspace: Workspace) -> None:
    """Repeat the recurrent products of the step that left `workspace`, by the engine and threads in use."""
    w = workspace["window"]
    h, parts = w.states["h"][1:], w.parts
    form = layer.backend.recurrent_weights
    if loops.is_compiled(layer):
        form = importlib.import_module("rnnexp.nn.loops.jit").form(layer)
    for direction in "forward", "backward":
        # backward makes as many products of the same shapes, with the weights transposed
        weights = recurrent_weights(
            w.U, parts, workspace.child(direction), form, transposed=direction == "backward"
        )
        in_parallel(lambda part, weights=weights: multiply(layer, weights[length(part)], h, part), parts)


def multiply(layer: RecurrentLayer, weights: dict, h, rows: slice) -> None:
    """Do the products of one direction for some rows of h (T, B, H)."""
    if loops.is_compiled(layer):
        compiled = importlib.import_module("rnnexp.analysis.speed.profile.compiled_recurrence")
        for group, U in weights.items():
            out = np.empty((len(group), length(rows), layer.hidden_size), h.dtype)
            compiled.multiply_window(h, U, out, rows.start, rows.stop)
    else:
        recurrent = RecurrentProducts(layer.backend, weights, rows)
        for v in h[:, rows]:
            for group in weights:
                recurrent(group, v)
