"""Run the time loop compiled by numba: written from the methods of the cell, which the tracer reads.

The loops are tested against those methods, which run where the tracer refuses what a cell does.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnexp.compute.jit.generated import module_of
from rnnexp.compute.threads import in_parallel
from rnnexp.compute.workspace import Workspace
from rnnexp.nn.loops.jit import written
from rnnexp.nn.loops.reading import gradient, kind_of
from rnnexp.nn.loops.weights import length, recurrent_weights
from rnnexp.nn.window import Window


def forward(layer, w: Window, parts: list[slice], mask, workspace: Workspace) -> None:
    """Run the steps as `rnnexp.nn.loops.forward` does."""
    masks = kind_of(mask)
    loop = workspace.get_or_create(
        "loop forward", masks, lambda: Compiled(written.forward(layer.cell, masks))
    )
    weights = recurrent_weights(w.U, parts, workspace.child("forward"), form(layer))
    loop.run(arrays_of(layer, w, mask), weights, parts)


def backward(
    layer, w: Window, dw: Window, dh, dstate: tuple, parts: list[slice], mask, workspace: Workspace
) -> None:
    """Run the steps in reverse as `rnnexp.nn.loops.backward` does."""
    masks, limit = kind_of(mask), layer.clip_through_time
    loop = workspace.get_or_create(
        "loop backward",
        (masks, limit is not None),
        lambda: Compiled(written.backward(layer.cell, masks, limit is not None)),
    )
    weights = recurrent_weights(w.U, parts, workspace.child("backward"), form(layer), transposed=True)
    arrays = arrays_of(layer, w, mask) | {"da": dw.gates, "dout": dh}
    arrays |= dict(zip(map(gradient, layer.cell.states), dstate))
    if limit is not None:
        arrays["limit"] = np.array([limit], w.gates.dtype)
    loop.run(arrays, weights, parts)


def arrays_of(layer, w: Window, mask) -> dict[str, Any]:
    """Return the arrays of a window by the names that addresses use."""
    mask = mask[0] if kind_of(mask) == "one" else mask
    return {"gates": w.gates, **w.states, **w.saved, **w.diagonals, "mask": mask}


class Compiled:
    """Hold a loop that numba compiles."""

    def __init__(self, loop: written.Loop):
        source, self.arrays = written.module(loop.cell, loop)
        self.function = getattr(module_of(source), loop.name)

    def run(self, arrays: dict, weights: dict[int, dict], parts: list[slice]) -> None:
        """Run all steps; each thread takes one of `parts` of the rows."""

        def some(rows: slice) -> None:
            given = arrays | {f"U_{group}": U for group, U in weights[length(rows)].items()}
            self.function(*(given[name] for name in self.arrays), rows.start, rows.stop)

        in_parallel(some, parts)


def form(layer) -> Callable:
    """Return the function that brings weights into the form that the compiled loops multiply by."""
    gemm = layer.backend.gemm_of(layer.p["b"].dtype)
    return gemm.packed if gemm else layer.backend.recurrent_weights
