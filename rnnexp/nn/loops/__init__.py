"""Run the time loop of a cell one of three ways: step by step in NumPy, compiled by numba, as kernels of a GPU."""

from types import ModuleType

from rnnexp.compute.threads import shares
from rnnexp.compute.workspace import Workspace
from rnnexp.nn.loops import cuda, numpy
from rnnexp.nn.window import Window

# Multiplications with U in a step below which one thread takes all rows through the time loop, and
# rows of a thread at least. Threads wait for Python's lock between the NumPy calls; compiled loops do
# not, but a thread has to be woken.
WORTH_SHARING, WORTH_SHARING_COMPILED, LEAST_ROWS = 5_000_000, 500_000, 8


def forward(layer, w: Window, mask, workspace: Workspace) -> None:
    """Run the steps of a window, one after the other."""
    loop = choose(layer, mask, limit=None)
    loop.forward(layer, w, rows_of_threads(layer, w.gates.shape[2]), mask, workspace)


def backward(layer, w: Window, dw: Window, dh, dstate: tuple, mask, workspace: Workspace) -> None:
    """Run the steps in reverse.

    Leaves the gradient of all preactivations in `dw`, and that of the state before the window in `dstate`, which
    is the gradient of the state after it at first.
    """
    loop = choose(layer, mask, layer.clip_through_time)
    loop.backward(layer, w, dw, dh, dstate, rows_of_threads(layer, w.gates.shape[2]), mask, workspace)


def choose(layer, mask, limit: float | None) -> ModuleType:
    """Return the loop for a layer where it is; compiled loops know neither masks nor a limit of the gradient."""
    if layer.backend.custom_kernels(layer.p["b"].dtype):
        return cuda
    if mask is None and limit is None and is_compiled(layer):
        from rnnexp.nn.loops import jit  # here, for it imports numba

        return jit
    return numpy


def is_compiled(layer) -> bool:
    """Return whether the engine in use has compiled loops of the layer's cell."""
    if not layer.backend.compiled_loops:
        return False
    from rnnexp.nn.loops.jit import LOOPS  # here, for it imports numba

    return type(layer.cell) in LOOPS


def rows_of_threads(layer, B: int) -> list[slice]:
    """Return the rows that each thread takes through the time loop: within a window they do not meet."""
    least = WORTH_SHARING_COMPILED if is_compiled(layer) else WORTH_SHARING
    worth_it = B * layer.hidden_size**2 * len(layer.cell.gates) > least
    return shares(B, LEAST_ROWS) if worth_it else [slice(0, B)]
