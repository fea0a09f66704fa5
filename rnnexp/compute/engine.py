"""How a run computes.

On the CPU: NumPy alone, the loops over time compiled by numba, or those with MKL's products. On a GPU: CuPy
alone, kernels of our own for all that is not a product, or those in a CUDA graph.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.util import find_spec
from types import ModuleType

import numpy as np

from rnnexp.compute import backend, threads
from rnnexp.compute.blas import mkl
from rnnexp.compute.cuda import kernels
from rnnexp.errors import UserError

# every engine of the CPU, the fastest first, and what it needs besides NumPy
ENGINES = {"mkl": ("numba", "mkl"), "numba": ("numba",), "numpy": ()}
GPU_ENGINES = "graph", "fused", "cupy"  # the fastest first
# Multiplications below which a product is done sooner than a second thread is awake.
WORTH_SHARING = 30_000_000

_engine = "numpy"
_gemm: ModuleType | None = None


def missing(engine: str) -> list[str]:
    """What the engine needs and is not installed."""
    found = {"numba": find_spec("numba"), "mkl": mkl.path()}
    return [name for name in ENGINES[engine] if not found[name]]


def installed() -> list[str]:
    """The engines that can be used, the fastest first."""
    return [engine for engine in ENGINES if not missing(engine)]


def fastest(device: str = "cpu") -> str:
    return GPU_ENGINES[0] if device == "gpu" else installed()[0]


def require_known(engine: str, device: str) -> None:
    """UserError where the device has no such engine."""
    known = GPU_ENGINES if device == "gpu" else tuple(ENGINES)
    if engine not in known:
        raise UserError(f"engine={engine} must be one of {', '.join(known)} where device={device}")


def require(engine: str, device: str = "cpu") -> None:
    """UserError where the device has no such engine, or it is not installed."""
    require_known(engine, device)
    if device == "gpu":
        backend.load_cupy()
    elif lacking := missing(engine):
        raise UserError(f"engine={engine} needs {' and '.join(lacking)}: pip install {' '.join(lacking)}")


@contextmanager
def use(engine: str, number: int = 1, tf32: bool = False) -> Iterator[None]:
    """Within: what is computed is computed by that engine, with that many threads.

    tf32 : products on a GPU may round their factors to 10 bits.
    """
    global _engine, _gemm
    require(engine, "gpu" if engine in GPU_ENGINES else "cpu")
    if engine in GPU_ENGINES:
        backend.gpu().products.use_tf32(tf32)
    before = _engine, _gemm
    # what a GPU does is asked for by this thread alone, whose stream it is
    with nullcontext() if engine in GPU_ENGINES else threads.use(number):
        _engine, _gemm = engine, load_gemm() if engine == "mkl" else None
        try:
            yield
        finally:
            _engine, _gemm = before


def load_gemm() -> ModuleType:
    mkl.load()
    return importlib.import_module("rnnexp.compute.blas.packed")


def compiles() -> bool:
    """Whether numba's compiled loops are used where a cell has some."""
    return _engine in ("numba", "mkl")


def gemm(dtype) -> ModuleType | None:
    """`rnnexp.compute.blas.packed` where MKL multiplies numbers of that type, None where NumPy does."""
    return _gemm if dtype == np.float32 else None


def custom_kernels(array) -> kernels.Kernels | None:
    """The kernels for arrays like this one; None where NumPy's functions, or CuPy's, compute."""
    on_cpu = isinstance(array, np.ndarray)
    return None if on_cpu or _engine == "cupy" else kernels.of(array.dtype)


def uses_cuda_graph() -> bool:
    """Whether a step is done as one CUDA graph."""
    return _engine == "graph"


def matmul(a, b, out):
    """np.matmul with one thread."""
    if not isinstance(out, np.ndarray):
        backend.gpu().products.matmul(a, b, out)
        return out
    mkl_gemm = gemm(out.dtype)
    return mkl_gemm.matmul(a, b, out) if mkl_gemm else np.matmul(a, b, out=out)


def add_product(a, b, part, out) -> None:
    """out += a @ b; `part` is scratch like it."""
    if isinstance(out, np.ndarray):
        out += matmul(a, b, part)
    else:
        backend.gpu().products.matmul(a, b, out, add=True)


def products_of_each(a, b, out) -> list[Callable]:
    """What is to be called, in any order, for out[k] = a @ b[k]."""
    if isinstance(out, np.ndarray):
        return [partial(matmul, a, b[k], out[k]) for k in range(len(out))]
    return [partial(matmul, a, b, out)]


def products(a, b, out) -> list[Callable]:
    """What is to be called, in any order, for out = a @ b: a product a thread where it is large."""
    large = out.size * a.shape[-1] >= WORTH_SHARING
    parts = threads.shares(len(out)) if large else [slice(None)]
    return [partial(matmul, a[rows], b, out[rows]) for rows in parts]


class CapturedFunction:
    """A function on arrays with fixed places, done many times; by a CUDA graph where the engine is that.

    The first time it is done as it is, which has its kernels compiled and its arrays made.
    """

    def __init__(self, function: Callable[[], None]):
        self.function, self.begun = function, False
        self.graph: backend.Graph | None = None

    def __call__(self) -> None:
        if uses_cuda_graph() and self.begun:
            self.graph = self.graph or backend.Graph(backend.gpu(), self.function)
            self.graph()
        else:
            self.function()
        self.begun = True
