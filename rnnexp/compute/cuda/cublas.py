"""Multiply matrices by cuBLAS on a handle of our own, which a CUDA graph may capture.

CuPy refuses its own products while a graph is captured (github.com/cupy/cupy/issues/6290). This handle has
its stream and its workspace from the beginning, so that a captured product owns no memory of its own.
"""

import ctypes
from typing import Any

import numpy as np

from rnnexp.errors import UserError
from rnnexp.installation import how_to_add_cupy

# of cublas_api.h
NO_TRANS, TRANS = 0, 1
DEFAULT_MATH, TF32_MATH = 0, 3
ALLOC_FAILED = 3
WORKSPACE_BYTES = 32 * 2**20  # what cuBLAS takes by default on Hopper


class NoMemory(MemoryError):
    """Say that the GPU has no memory left."""


class Cublas:
    """Hold a handle and multiply by it.

    Parameters
    ----------
    library : the loaded cuBLAS, as ctypes gives it.
    stream : address of the stream that all products go to.
    workspace : address of `WORKSPACE_BYTES` on the device, which must stay as long as the handle.
    """

    def __init__(self, library: Any, stream: int, workspace: int):
        self.library, self.handle = library, ctypes.c_void_p()
        self.call("cublasCreate_v2", ctypes.byref(self.handle))
        self.call("cublasSetStream_v2", self.handle, ctypes.c_void_p(stream))
        # after the stream, because setting the stream takes the workspace away
        size = ctypes.c_size_t(WORKSPACE_BYTES)
        self.call("cublasSetWorkspace_v2", self.handle, ctypes.c_void_p(workspace), size)
        self.kinds = {
            np.dtype(np.float32): ("cublasSgemm", *one_and_zero(ctypes.c_float)),
            np.dtype(np.float64): ("cublasDgemm", *one_and_zero(ctypes.c_double)),
        }

    def use_tf32(self, yes: bool) -> None:
        """Let single-precision products round their factors to 10 bits, as the tensor cores take them."""
        self.call("cublasSetMathMode", self.handle, ctypes.c_int(TF32_MATH if yes else DEFAULT_MATH))

    def matmul(self, a, b, out, add: bool = False) -> None:
        """Set out = a @ b, or out += a @ b where `add`: matrices (M, K) @ (K, N), or stacks (G, M, K) @ (G, K, N).

        A factor may be one matrix for all of a stack. The rows or the columns of each factor are contiguous, and
        so are the rows of `out`.
        """
        (m, k), n = a.shape[-2:], b.shape[-1]
        function, one, zero = self.kinds[out.dtype]
        # cuBLAS counts in columns: to it our arrays are their transposes, and out.T = b.T @ a.T
        transb, ldb, next_b = layout(b)
        transa, lda, next_a = layout(a)
        _, ldc, next_c = layout(out)
        place_a, place_b, place_c = (ctypes.c_void_p(array.data.ptr) for array in (a, b, out))
        sizes, beta = (transb, transa, n, m, k, one), one if add else zero
        if out.ndim == 2:
            self.call(f"{function}_v2", self.handle, *sizes, place_b, ldb, place_a, lda, beta, place_c, ldc)
        else:
            b_step, a_step, c_step = map(ctypes.c_longlong, (next_b, next_a, next_c))
            self.call(
                f"{function}StridedBatched",
                self.handle,
                *sizes,
                *(place_b, ldb, b_step, place_a, lda, a_step, beta, place_c, ldc, c_step, len(out)),
            )

    def call(self, function: str, *arguments) -> None:
        status = getattr(self.library, function)(*arguments)
        if status == ALLOC_FAILED:
            raise NoMemory(f"{function} found none")
        if status:
            raise RuntimeError(f"{function} failed with status {status}")


def one_and_zero(number: Any) -> tuple:
    return ctypes.byref(number(1)), ctypes.byref(number(0))


def layout(a) -> tuple[int, int, int]:
    """Return how a matrix or a stack of them lies in memory.

    The result says whether columns are contiguous instead of rows, how many numbers lie from one row (or column)
    to the next, and how many from one matrix to the next.
    """
    size = a.itemsize
    row, column = (stride // size for stride in a.strides[-2:])
    rows, columns = a.shape[-2:]
    next_matrix = a.strides[0] // size if a.ndim == 3 else 0
    if column == 1 or columns == 1:
        return NO_TRANS, max(row, columns), next_matrix
    assert row == 1 or rows == 1
    return TRANS, max(column, rows), next_matrix


def loaded() -> Any:
    """Return the cuBLAS that this process has loaded, of whichever version."""
    with open("/proc/self/maps") as maps:  # noqa: PTH123  no file of ours
        paths = {line.split(maxsplit=5)[-1].strip() for line in maps if "/libcublas.so" in line}
    if not paths:
        raise UserError(f"device=gpu finds no cuBLAS, which CuPy brings: {how_to_add_cupy()}")
    return ctypes.CDLL(min(paths))
