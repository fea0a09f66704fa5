"""Cut recurrent weights into tiles that NumPy's BLAS multiplies by without rearranging them first."""

from functools import cache

import numpy as np

from rnnexp.compute.workspace import Workspace

# OpenBLAS takes products of up to 100^3 multiplications without rearranging their factors (its
# sgemm_small_matrix_permit), fastest on columns in multiples of two AVX-512 registers; of these widths the
# one that wastes least is taken.
SMALL_PRODUCT, WIDTHS = 1_000_000, (64, 32)
DIRECT = {"SkylakeX", "Cooperlake", "SapphireRapids"}  # its kernels that do; to others tiles would be slow


@cache
def takes_small_products_directly() -> bool:
    """Return whether NumPy's BLAS does not rearrange the factors of small products."""
    from threadpoolctl import threadpool_info  # which a machine for GPU work may lack

    return any(pool.get("architecture") in DIRECT for pool in threadpool_info())


def cut(U, rows: int, workspace: Workspace):
    """Return recurrent weights U (G, K, H) as tiles (G, tiles, K, columns), the last filled up with zeros.

    They are for products v @ U[g] with v (rows, K). OpenBLAS rearranges U at every product, which takes longer
    than multiplying by it where there are few rows, unless the product is small: so U is cut once a window into
    tiles that are narrow enough. (4 gates of 650, 2 threads of 10 rows each: 0.40 ms instead of 0.71.)
    """
    G, K, H = U.shape
    narrow = [width for width in WIDTHS if rows * K * width <= SMALL_PRODUCT] or WIDTHS[-1:]
    whole_is_best = rows * K * H <= SMALL_PRODUCT or not takes_small_products_directly()
    columns = H if whole_is_best else min(narrow, key=lambda width: -H % width)
    whole, left = divmod(H, columns)
    tiles = workspace.array("tiles", (G, whole + (left > 0), K, columns))
    tiles[:, :whole] = U[:, :, : H - left].reshape(G, K, whole, columns).swapaxes(1, 2)
    if left:
        tiles[:, whole, :, :left] = U[:, :, H - left :]
        tiles[:, whole, :, left:] = 0
    return tiles


class TiledMatmul:
    """Multiply `rows` rows by tiles from `cut`; see `Ops.recurrent_matmul`."""

    def __init__(self, tiles, rows: int):
        G, number, H, columns = tiles.shape
        self.tiles = tiles
        out = np.empty((G, rows, number, columns), tiles.dtype)
        result = out.reshape(G, rows, -1)[:, :, :H]
        self.out, self.result = out.swapaxes(1, 2), result if G > 1 else result[0]

    def __call__(self, v):
        np.matmul(v[:, None] if v.ndim == 3 else v, self.tiles, out=self.out)
        return self.result
