"""Run the time loop compiled by numba: written from the methods of the cell, which the tracer reads.

The loops are tested against those methods, which run where the tracer refuses what a cell does.
"""

from typing import Any

import numpy as np

from rnnexp.compute.jit.generated import module_of
from rnnexp.compute.jit.panels import panels
from rnnexp.compute.threads import in_parallel
from rnnexp.compute.workspace import Workspace
from rnnexp.nn.loops.jit import written
from rnnexp.nn.loops.reading import arrays_of, gradient, kind_of
from rnnexp.nn.window import Window


def forward(layer, w: Window, parts: list[slice], mask, workspace: Workspace) -> None:
    """Run the steps as `rnnexp.nn.loops.forward` does."""
    masks = kind_of(mask)
    loop = workspace.get_or_create(
        "loop forward", masks, lambda: Compiled(written.forward(layer.cell, masks))
    )
    loop.run(arrays_of(w, mask) | weights(w, workspace.child("forward")), parts)


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
    arrays = arrays_of(w, mask) | {"da": dw.gates, "dout": dh}
    arrays |= weights(w, workspace.child("backward"), transposed=True)
    arrays |= dict(zip(map(gradient, layer.cell.states), dstate))
    if limit is not None:
        arrays["limit"] = np.array([limit], w.gates.dtype)
    loop.run(arrays, parts)


def weights(w: Window, workspace: Workspace, transposed: bool = False) -> dict[str, Any]:
    """Return the recurrent weights as panels, by the names that the loops take."""
    return {
        f"U_{group}": panels(U.swapaxes(1, 2) if transposed else U, workspace.child(group))
        for group, U in w.U.items()
    }


class Compiled:
    """Hold a loop that numba compiles."""

    def __init__(self, loop: written.Loop):
        self.function = getattr(module_of(loop.module()), loop.name)
        self.arrays = loop.arrays

    def run(self, arrays: dict, parts: list[slice]) -> None:
        """Run all steps; each thread takes one of `parts` of the rows."""

        def some(rows: slice) -> None:
            self.function(*(arrays[name] for name in self.arrays), rows.start, rows.stop)

        in_parallel(some, parts)
