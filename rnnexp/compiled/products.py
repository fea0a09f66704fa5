"""The recurrent products of the compiled loops, with weights in the two forms that `cells.base` prepares."""

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  numba multiplies with its BLAS, which `threads.use` must find loaded
from numba.extending import overload

from rnnexp.compiled import OPTIONS, jit
from rnnexp.compiled.gemm import packed_product
from rnnexp.compiled.maths import add, copy


@jit
def scratch(streams, U, out):
    """Room for the product of some streams with a tile of U."""
    return np.empty((streams, columns(U)), out.dtype)


def columns(U):
    """Of a tile, where U is cut into tiles."""


@overload(columns)
def _columns(U):
    return (lambda U: U.shape[3]) if U.ndim == 4 else (lambda U: 0)


def multiply(v, U, part, out):
    """out[g] = v @ U[g] for every gate g: v (B, K), out (G, B, H); U (G, bytes) from `gemm.packed`, or
    (G, tiles, K, columns), with `part` from `scratch` because NumPy's BLAS fills contiguous arrays only."""


@overload(multiply, jit_options=OPTIONS)
def _multiply(v, U, part, out):
    def of_packed(v, U, part, out):
        for g in range(len(U)):
            packed_product(v, U[g], 0, out[g])

    def of_tiles(v, U, part, out):
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

    return of_packed if U.ndim == 2 else of_tiles


def multiply_back(d, U, part, total):
    """total += d @ U, of one gate: d (B, K), total (B, H); U (bytes,) or (tiles, K, columns)."""


@overload(multiply_back, jit_options=OPTIONS)
def _multiply_back(d, U, part, total):
    def of_packed(d, U, part, total):
        packed_product(d, U, 1, total)

    def of_tiles(d, U, part, total):
        columns, H = part.shape[1], total.shape[1]
        for tile in range(len(U)):
            np.dot(d, U[tile], part)
            left = tile * columns
            right = min(left + columns, H)
            for b in range(len(total)):
                add(total[b, left:right], part[b])

    return of_packed if U.ndim == 1 else of_tiles
