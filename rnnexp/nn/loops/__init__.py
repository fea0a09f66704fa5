"""Run the time loop of a cell in one of three ways: by NumPy step by step, compiled by numba, by GPU kernels."""

from collections.abc import Callable
from functools import partial
from numbers import Number
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from rnnexp.compute.threads import parts_alike
from rnnexp.compute.tracer import Refused, Tracer
from rnnexp.compute.workspace import Workspace
from rnnexp.errors import one_line
from rnnexp.nn.cells.base import Cell
from rnnexp.nn.loops import cuda, numpy
from rnnexp.nn.loops.reading import Recorder, read_step, read_step_backward
from rnnexp.nn.window import Window

# Where a step multiplies less often with U than this, one thread takes all rows through the time loop; a thread
# takes at least LEAST_ROWS rows. Threads wait for Python's lock between the NumPy calls; compiled loops do not,
# but their threads have to be woken.
WORTH_SHARING, WORTH_SHARING_COMPILED, LEAST_ROWS = 5_000_000, 500_000, 8
READ: dict[str, Callable] = {
    "step": read_step,
    "local_gradients with step_backward": partial(read_step_backward, limit=None),
}
NOT_COMPILED: WeakKeyDictionary[Cell, str | None] = WeakKeyDictionary()  # cell -> why; None: it is


def forward(layer, w: Window, mask, workspace: Workspace) -> None:
    """Run the steps of a window, one after the other; mask (T, B, H) or None, see `RecurrentLayer.forward`."""
    loop = choose(layer)

    def some(rows: slice) -> None:
        loop.forward(layer, w, [rows], mask, workspace.child("trial"))

    w.parts = rows_of_threads(layer, loop, w, mask, some, arrays_of(w))
    loop.forward(layer, w, w.parts, mask, workspace)


def backward(layer, w: Window, dw: Window, dh, dstate: tuple, mask, workspace: Workspace) -> None:
    """Run the steps of a window in reverse, given dh (T, B, H), the gradient of the outputs.

    This sets `dw` to the gradients of all preactivations. `dstate`, arrays (B, H), holds the gradient of the
    state after the window, and is replaced by that of the state before it.
    """
    loop = choose(layer)

    def some(rows: slice) -> None:
        loop.backward(layer, w, dw, dh, dstate, [rows], mask, workspace.child("trial"))

    parts = rows_of_threads(layer, loop, w, mask, some, [*dstate, *arrays_of(dw), *arrays_of(w)])
    loop.backward(layer, w, dw, dh, dstate, parts, mask, workspace)


def arrays_of(w: Window) -> list:
    """Return all arrays of a window."""
    return [w.gates, *w.states.values(), *w.saved.values()]


def choose(layer) -> ModuleType:
    """Return the fastest loop for a layer."""
    if layer.backend.custom_kernels(layer.p["b"].dtype):
        return cuda
    if is_compiled(layer):
        from rnnexp.nn.loops import jit  # here, for it imports numba

        return jit
    return numpy


def is_compiled(layer) -> bool:
    """Return whether the engine in use compiles the loops of the layer's cell."""
    return layer.backend.compiled_loops and why_not_compiled(layer.cell) is None


def why_not_compiled(cell: Cell) -> str | None:
    """Return what a cell does that cannot be compiled, in words; None where all can."""
    if cell not in NOT_COMPILED:
        NOT_COMPILED[cell] = None
        try:
            for method, read in READ.items():
                first, before = read_alone(cell, read), numbers_in(vars(cell))
                if first != read_alone(cell, read) or before != numbers_in(vars(cell)):
                    raise Refused(
                        f"compiled code cannot use {method}, which is other maths each time it is called: "
                        "numbers that the cell counts or draws stay as they are in what is compiled"
                    )
        except Refused as refused:
            NOT_COMPILED[cell] = str(refused)
        except Exception as error:  # code of anybody's, which need not expect what stands in for its arrays
            NOT_COMPILED[cell] = (
                f"it cannot be read to be compiled: {type(error).__name__}: {one_line(error)}"
            )
    return NOT_COMPILED[cell]


def numbers_in(value: Any) -> Any:
    """Return a copy of what a counter shows in: numbers, also those of arrays, lists and dictionaries."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, list):
        return [numbers_in(each) for each in value]
    if isinstance(value, dict):
        return {key: numbers_in(each) for key, each in value.items()}
    return value if isinstance(value, Number) else None


def read_alone(cell: Cell, read: Callable) -> tuple[list, list]:
    """Return the statements and the recurrent products of a step that is read."""
    tracer = Tracer()
    recorder = Recorder(tracer, "none", summed=True)
    read(cell, tracer, recorder)
    tracer.end_kernel()
    return tracer.kernels, recorder.products


def rows_of_threads(
    layer, loop: ModuleType, w: Window, mask, compute: Callable[[slice], None], outputs: list
) -> list[slice]:
    """Return the rows of a window that each thread takes through the time loop; no row depends on another.

    compute, outputs : as for `parts_alike`.
    """
    B = w.gates.shape[2]
    least = WORTH_SHARING_COMPILED if is_compiled(layer) else WORTH_SHARING
    if B * layer.hidden_size**2 * len(layer.cell.gates) <= least:
        return [slice(0, B)]
    key = loop.__name__, type(layer.cell), w.gates.shape, w.gates.dtype, mask is None, len(outputs)
    return parts_alike(key, B, LEAST_ROWS, compute, outputs)
