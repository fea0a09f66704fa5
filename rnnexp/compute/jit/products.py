"""Multiply by recurrent weights in the compiled loops, packed by MKL or cut into tiles."""

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  numba multiplies with its BLAS, which `threads.use` must find loaded

from rnnexp.compute.blas.packed import packed_product
from rnnexp.compute.jit import jit
from rnnexp.compute.jit.maths import add, copy


@jit
def scratch(rows, U, out):
    """Return room (rows, columns) for the product of some rows with a tile of U, if it is cut into tiles."""
    return np.empty((rows, U.shape[3] if U.ndim == 4 else 0), out.dtype)


@jit
def multiply(v, U, part, out):
    """Set out[g] = v @ U[g] for every gate g: v (B, K), out (G, B, H).

    U is (G, bytes) from `gemm.packed`, or (G, tiles, K, columns); then `part` from `scratch` takes the
    product with a tile, because NumPy's BLAS fills contiguous arrays only.
    """
    if U.ndim == 2:
        for g in range(len(U)):
            packed_product(v, U[g], 0, out[g])
    else:
        columns, H = part.shape[1], out.shape[2]
        for g in range(len(U)):
            if columns == H:
                np.dot(v, U[g, 0], out[g])
            else:
                for tile in range(U.shape[1]):
                    np.dot(v, U[g, tile], part)
                    left = tile * columns
                    right = min(left + columns, H)
                    for b in range(len(v)):
                        copy(out[g, b, left:right], part[b])


@jit
def multiply_back(d, U, part, total):
    """Add d @ U of one gate to `total`: d (B, K), total (B, H); U (bytes,) or (tiles, K, columns)."""
    if U.ndim == 1:
        packed_product(d, U, 1, total)
    else:
        columns, H = part.shape[1], total.shape[1]
        for tile in range(len(U)):
            np.dot(d, U[tile], part)
            left = tile * columns
            right = min(left + columns, H)
            for b in range(len(total)):
                add(total[b, left:right], part[b])
