"""Choose the engine that computes.

On the CPU: NumPy alone, the loops over time compiled by numba, or those with MKL's products. On a GPU: CuPy
alone, kernels of our own for all that is not a product, or those in a CUDA graph.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from threading import RLock

from rnnexp.compute import backend, threads
from rnnexp.compute.blas import mkl
from rnnexp.errors import UserError
from rnnexp.installation import how_to_add

# every engine of the CPU, on most processors the fastest first, and what it needs besides NumPy
ENGINES = {"mkl": ("numba", "mkl"), "numba": ("numba",), "numpy": ()}
GPU_ENGINES = "graph", "fused", "cupy"  # the fastest first
# the engine and the threads of NumPy's library are the process's: two of its threads that train, as a search in
# threads does, take turns
_turn = RLock()
LOOK_S = 0.1  # seconds from one look at whether it is one's turn to the next


def missing(engine: str) -> list[str]:
    """Return the libraries that the engine needs and that are not installed."""
    found = {"numba": find_spec("numba"), "mkl": mkl.path()}
    return [name for name in ENGINES[engine] if not found[name]]


def installed() -> list[str]:
    """Return the engines of the CPU that can be used, the fastest first."""
    found = [engine for engine in ENGINES if not missing(engine)]
    if "mkl" in found and mkl.is_slow_here():
        found[:2] = "numba", "mkl"
    return found


def fastest(device: str = "cpu") -> str:
    """Return the fastest engine of a device; on the CPU, of those that are installed."""
    return GPU_ENGINES[0] if device == "gpu" else installed()[0]


def require_known(engine: str, device: str) -> None:
    """Raise UserError where the device has no such engine."""
    known = GPU_ENGINES if device == "gpu" else tuple(ENGINES)
    if engine not in known:
        raise UserError(f"engine={engine} must be one of {', '.join(known)} where device={device}")


def require(engine: str, device: str = "cpu") -> None:
    """Raise UserError where the device has no such engine, or it is not installed."""
    require_known(engine, device)
    if device == "gpu":
        backend.load_cupy()
    elif lacking := missing(engine):
        raise UserError(f"engine={engine} needs {' and '.join(lacking)}: {how_to_add(engine)}")


def hint(engine: str | None, device: str) -> str:
    """Return what is slower than it need be where nobody has chosen an engine; empty where nothing is."""
    if engine or device != "cpu" or installed()[0] != "numpy":
        return ""
    return f"NumPy alone computes; numba makes steps up to 1.8 times as fast: {how_to_add('numba')}"


@contextmanager
def turn(raise_if_asked: Callable[[], None]) -> Iterator[None]:
    """Keep other threads of the process from computing within the context; see `use`."""
    while not _turn.acquire(timeout=LOOK_S):
        raise_if_asked()
    try:
        yield
    finally:
        _turn.release()


@contextmanager
def use(
    engine: str, number: int = 1, tf32: bool = False, raise_if_asked: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Compute by an engine with `number` threads, within the context; another thread of the process waits its turn.

    tf32 : products on a GPU may round their factors to 10 bits.
    raise_if_asked : called again and again while this waits; where it raises, this ends.
    """
    on_gpu = engine in GPU_ENGINES
    require(engine, "gpu" if on_gpu else "cpu")
    device = backend.gpu() if on_gpu else backend.CPU
    # this thread alone launches work on a GPU, for the CUDA stream is its own
    with turn(raise_if_asked), device.using(engine, tf32), nullcontext() if on_gpu else threads.use(number):
        yield
