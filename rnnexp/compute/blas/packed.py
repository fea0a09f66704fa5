"""Multiply single-precision matrices by MKL, which can keep a matrix in the order its kernels read it in.

NumPy's own library rearranges the recurrent weights anew at every step; here they are packed once a window.
"""

from typing import Any

import numpy as np
from numba import types

from rnnexp.compute.blas import mkl
from rnnexp.compute.jit import jit
from rnnexp.compute.workspace import Workspace

ROW_MAJOR, NO_TRANS, TRANS, PACKED, B_MATRIX = 101, 111, 112, 151, 162  # of mkl_cblas.h


def function(name: str, *arguments, returns=types.void) -> Any:
    return types.ExternalFunction(mkl.PREFIX + name, returns(*arguments))


INT, REAL, ADDRESS = types.int32, types.float32, types.uintp
# layout, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc
gemm = function("sgemm", *[INT] * 6, REAL, ADDRESS, INT, ADDRESS, INT, REAL, ADDRESS, INT)
# the same without alpha
gemm_compute = function("sgemm_compute", *[INT] * 6, ADDRESS, INT, ADDRESS, INT, REAL, ADDRESS, INT)
# layout, identifier, trans, m, n, k, alpha, source, ld, packed
gemm_pack = function("sgemm_pack", *[INT] * 6, REAL, ADDRESS, INT, ADDRESS)
# identifier, m, n, k
gemm_pack_get_size = function("sgemm_pack_get_size", *[INT] * 4, returns=types.uintp)


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


def packed(U, rows: int, workspace: Workspace):
    """Return recurrent weights U (G, K, H) packed as bytes (G, size), for products v @ U[g] with v (rows, K)."""
    G, K, H = U.shape
    out = workspace.get_or_create(
        "packed", (U.shape, rows), lambda: np.empty((G, packed_size(rows, H, K)), np.uint8)
    )
    pack(U, rows, out)
    return out


@jit
def packed_size(m, n, k):
    """Return the bytes of a packed matrix (k, n) that multiplies m rows."""
    return gemm_pack_get_size(B_MATRIX, m, n, k)


@jit
def pack(U, rows, out):
    """Pack recurrent weights U (G, K, H) into `out` (G, bytes)."""
    G, K, H = U.shape
    for g in range(G):
        trans, ld = layout(U[g])
        at_U, at_out = U[g].ctypes.data, out[g].ctypes.data
        gemm_pack(ROW_MAJOR, B_MATRIX, trans, rows, H, K, 1, at_U, ld, at_out)


@jit
def packed_product(v, U, beta, out):
    """Set out = v @ U + beta * out: contiguous v (B, K) and out (B, H), and U (bytes,) from `packed`."""
    (B, K), H = v.shape, out.shape[1]
    at_v, at_U, at_out = v.ctypes.data, U.ctypes.data, out.ctypes.data
    gemm_compute(ROW_MAJOR, NO_TRANS, PACKED, B, H, K, at_v, K, at_U, H, beta, at_out, H)
