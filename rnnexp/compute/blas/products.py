"""Multiply single-precision matrices by MKL."""

from typing import Any

from numba import types

from rnnexp.compute.blas import mkl
from rnnexp.compute.jit import jit

ROW_MAJOR, NO_TRANS, TRANS = 101, 111, 112  # of mkl_cblas.h


INT, REAL, ADDRESS = types.int32, types.float32, types.uintp
# layout, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc
ARGUMENTS = *[INT] * 6, REAL, ADDRESS, INT, ADDRESS, INT, REAL, ADDRESS, INT
gemm: Any = types.ExternalFunction(mkl.SGEMM, types.void(*ARGUMENTS))


@jit
def matmul(a, b, out):
    """Set out = a @ b with one thread: matrices (M, K) @ (K, N), or stacks (G, M, K) @ (G, K, N) of them.

    A factor may be one matrix for all of a stack. The rows or the columns of each factor are contiguous, and so
    are the rows of `out`.
    """
    if out.ndim == 2:
        product(a, b, out)
    else:
        for k in range(len(out)):
            product(a[k] if a.ndim == 3 else a, b[k] if b.ndim == 3 else b, out[k])
    return out


@jit
def product(a, b, out):
    """Set out (M, N) = a (M, K) @ b (K, N)."""
    (m, k), n = a.shape, b.shape[1]
    (transa, lda), (transb, ldb), (_, ldc) = layout(a), layout(b), layout(out)
    at_a, at_b, at_out = a.ctypes.data, b.ctypes.data, out.ctypes.data
    gemm(ROW_MAJOR, transa, transb, m, n, k, 1, at_a, lda, at_b, ldb, 0, at_out, ldc)


@jit
def layout(a):
    """Return whether a matrix lies transposed in memory, and how many numbers lie from one row there to the next."""
    if a.strides[1] == a.itemsize:
        return NO_TRANS, max(a.strides[0] // a.itemsize, a.shape[1])
    return TRANS, max(a.strides[1] // a.itemsize, a.shape[0])
