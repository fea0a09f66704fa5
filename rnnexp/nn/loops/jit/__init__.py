"""Run the time loop compiled by numba, for cells that have such loops: `forward` and `backward` of a module here.

`w` and `dw` of those are the `Window`s of values and gradients, with arrays (G, T, B, H) of the gates and
(T + 1, B, H) of the states; `weights` has the recurrent weights by group, in the form that
`rnnexp.compute.jit.products` multiplies by; dh_out (T, B, H) is the gradient of the outputs, dstate that of the
state, arrays (B, H). Each call takes the rows from `first` to before `last`. The loops are tested against the
methods of their cell, which run where a cell has none.
"""

from collections.abc import Callable
from types import ModuleType

from rnnexp.compute.threads import in_parallel
from rnnexp.compute.workspace import Workspace
from rnnexp.nn.cells.base import Cell
from rnnexp.nn.cells.gru import GRU, GRUResetAfter
from rnnexp.nn.cells.lstm import LSTM
from rnnexp.nn.cells.rnn import RNN
from rnnexp.nn.loops.jit import gru, gru_reset_after, lstm, rnn
from rnnexp.nn.loops.weights import length, recurrent_weights
from rnnexp.nn.window import Window

# found by the class itself, because another class may have the same name and other maths
LOOPS: dict[type[Cell], ModuleType] = {GRU: gru, GRUResetAfter: gru_reset_after, LSTM: lstm, RNN: rnn}


def forward(layer, w: Window, parts: list[slice], mask, workspace: Workspace) -> None:
    """Run the steps as `rnnexp.nn.loops.forward` does, without a mask."""
    loop = LOOPS[type(layer.cell)]
    weights = recurrent_weights(w.U, parts, workspace.child("forward"), form(layer))
    in_parallel(lambda rows: loop.forward(w, weights[length(rows)], rows.start, rows.stop), parts)


def backward(
    layer, w: Window, dw: Window, dh, dstate: tuple, parts: list[slice], mask, workspace: Workspace
) -> None:
    """Run the steps in reverse as `rnnexp.nn.loops.backward` does, without mask or limit of the gradient."""
    loop = LOOPS[type(layer.cell)]
    weights = recurrent_weights(w.U, parts, workspace.child("backward"), form(layer), transposed=True)

    def some(rows: slice) -> None:
        loop.backward(w, dw, weights[length(rows)], dh, dstate, rows.start, rows.stop)

    in_parallel(some, parts)


def form(layer) -> Callable:
    """Return the function that brings weights into the form that the compiled loops multiply by."""
    gemm = layer.backend.gemm_of(layer.p["b"].dtype)
    return gemm.packed if gemm else layer.backend.recurrent_weights
