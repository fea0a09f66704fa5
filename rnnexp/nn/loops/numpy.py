"""Run the time loop step by step, by the cell's own methods."""

import numpy as np

from rnnexp.compute.ops import Ops
from rnnexp.compute.threads import in_parallel
from rnnexp.compute.workspace import Workspace
from rnnexp.nn.window import Window

# The local gradients of so many numbers of each gate are computed at a time, so that they stay in a core's cache.
PART = 32_000


def forward(layer, w: Window, parts: list[slice], mask, workspace: Workspace) -> None:
    """Run the steps as `rnnexp.nn.loops.forward` does; each thread takes one of `parts` of the rows."""
    backend = layer.backend
    weights = recurrent_weights(backend, w.U, parts, workspace.child("forward"))

    def loop(rows: slice) -> None:
        recurrent = RecurrentProducts(backend, weights[length(rows)], rows, mask)
        for recurrent.t, arrays in enumerate(w.steps(rows)):
            layer.cell.step(arrays, recurrent)

    in_parallel(loop, parts)


def backward(
    layer, w: Window, dw: Window, dh, dstate: tuple, parts: list[slice], mask, workspace: Workspace
) -> None:
    """Run the steps in reverse as `rnnexp.nn.loops.backward` does; each thread takes one of `parts`."""
    cell, backend, limit = layer.cell, layer.backend, layer.clip_through_time
    _, T, _, H = w.gates.shape
    child = workspace.child("backward")
    weights = recurrent_weights(backend, w.U, parts, child, transposed=True)

    def loop(rows: slice) -> None:
        several = max(1, PART // (length(rows) * H))
        for t in range(0, T, several):
            some = slice(t, t + several)
            cell.local_gradients(w.reached(some, rows), dw.at(some, rows))
        recurrent = RecurrentProducts(backend, weights[length(rows)], rows, mask)
        dnext = [array[rows] for array in dstate]
        steps, dsteps = w.steps(rows), dw.steps(rows)
        for recurrent.t in reversed(range(T)):
            dnext[0] += dh[recurrent.t, rows]
            cell.step_backward(steps[recurrent.t], dsteps[recurrent.t], recurrent, *dnext)
            if limit is not None:
                for array in dnext:
                    np.clip(array, -limit, limit, out=array)

    in_parallel(loop, parts)


class RecurrentProducts:
    """Multiply by the recurrent weights in the steps of some rows; a cell's methods get this as `recurrent`.

    mask : (T, B, H) or None, see `RecurrentLayer.forward`; `t` is the step that the products belong to.
    """

    def __init__(self, backend, weights: dict, rows: slice, mask=None):
        self.matmuls = {group: backend.recurrent_matmul(U, length(rows)) for group, U in weights.items()}
        self.mask = None if mask is None else mask[:, rows]
        self.t = 0

    def __call__(self, group: str, v):
        """Return v @ U_group for v (B, H): (B, H), or (gates, B, H) where the group has several gates."""
        return self.matmuls[group](v if self.mask is None else v * self.mask[self.t])

    def back(self, group: str, d):
        """Return the sum over the gates of d @ U_group.T (B, H); the weights must be the transposed ones."""
        out = self.matmuls[group](d)
        total = out if out.ndim == 2 else out.sum(axis=0)
        return total if self.mask is None else total * self.mask[self.t]


def recurrent_weights(
    backend: Ops, U: dict, parts: list[slice], workspace: Workspace, transposed: bool = False
) -> dict[int, dict]:
    """Return recurrent weights in the form that multiplies the rows of each part fastest.

    U : gates of a recurrent product -> weights (G, K, H).

    Returns
    -------
    number of rows -> gates of a recurrent product -> weights.
    """
    if transposed:
        # a product with a transposed view is slower by more than the copy costs
        U = {group: array.swapaxes(1, 2) for group, array in U.items()}
    return {
        rows: {
            group: backend.recurrent_weights(array, rows, workspace.child(f"{group}{rows}"))
            for group, array in U.items()
        }
        for rows in {length(part) for part in parts}
    }


def length(part: slice) -> int:
    """Return the number of rows of a part."""
    return part.stop - part.start
