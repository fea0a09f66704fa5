"""How a run computes: NumPy alone, the loops over time compiled by numba, or those with MKL's products."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib.util import find_spec
from types import ModuleType

import numpy as np

from rnnexp import mkl, threads
from rnnexp.errors import UserError

# every engine, the fastest first, and what it needs besides NumPy
ENGINES = {"mkl": ("numba", "mkl"), "numba": ("numba",), "numpy": ()}
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


def fastest() -> str:
    return installed()[0]


def require(engine: str) -> None:
    """UserError where the engine does not exist or is not installed."""
    if engine not in ENGINES:
        raise UserError(f"engine={engine} must be one of {', '.join(ENGINES)}")
    if lacking := missing(engine):
        raise UserError(f"engine={engine} needs {' and '.join(lacking)}: pip install {' '.join(lacking)}")


@contextmanager
def use(engine: str, number: int = 1) -> Iterator[None]:
    """Within: what is computed is computed by that engine, with that many threads."""
    global _engine, _gemm
    require(engine)
    before = _engine, _gemm
    with threads.use(number):
        _engine, _gemm = engine, load_gemm() if engine == "mkl" else None
        try:
            yield
        finally:
            _engine, _gemm = before


def load_gemm() -> ModuleType:
    mkl.load()
    return importlib.import_module("rnnexp.compiled.gemm")


def loops(name: str) -> ModuleType | None:
    """The compiled `forward` and `backward` of a class of cells; None where the cell's own steps run."""
    return compiled_loops(name) if _engine != "numpy" else None


@cache
def compiled_loops(name: str) -> ModuleType | None:
    module = f"rnnexp.compiled.{name.lower()}"
    return importlib.import_module(module) if find_spec(module) else None


def gemm(dtype) -> ModuleType | None:
    """`rnnexp.compiled.gemm` where MKL multiplies numbers of that type, None where NumPy does."""
    return _gemm if dtype == np.float32 else None


def matmul(a, b, out):
    """np.matmul with one thread."""
    mkl_gemm = gemm(out.dtype)
    return mkl_gemm.matmul(a, b, out) if mkl_gemm else np.matmul(a, b, out=out)


def products(a, b, out) -> list[Callable]:
    """What is to be called, in any order, for out = a @ b: a product a thread where it is large."""
    large = out.size * a.shape[-1] >= WORTH_SHARING
    parts = threads.shares(len(out)) if large else [slice(None)]
    return [partial(matmul, a[rows], b, out[rows]) for rows in parts]
