"""Call our own kernels on a GPU: those of kernels.cu, and those that the tracer makes of NumPy code."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.compute.cuda import source as written
from rnnexp.compute.cuda.cublas import layout
from rnnexp.compute.tracer import Statement

SOURCE = Path(__file__).with_suffix(".cu")
FEW_ROWS = SOURCE.with_name("few_rows.cu")
MOST_ROWS = 64  # of a factor that `matmul_few_rows` multiplies faster than cuBLAS
THREADS = 256  # as in the source
BLOCK = 128  # threads of a block, for kernels whose threads do not work together
WARPS, TILE_ROWS, TILE_BYTES = 4, 10, 32  # a block of few_rows.cu: its warps, rows at most, bytes of a row
MOST_PARTS = 1024  # blocks of a sum over many numbers
C_TYPES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}


class Kernels:
    """Call the kernels for numbers of a type. Arrays are contiguous, tokens are int32."""

    def __init__(self, device: Any, dtype: np.dtype):
        self.gpu, self.dtype = device, dtype
        self.prefix = f"typedef {C_TYPES[dtype]} real;\n"
        source = SOURCE.read_text(encoding="utf-8")
        names = re.findall(r"__global__ void (\w+)", source)
        self.function = device.compile(self.prefix + source, names)
        self.fused: dict[str, dict[str, Callable]] = {}
        # made when first asked for: as many as there are shapes of layers, and numbers of rows
        self.few_rows: dict[tuple, tuple[Callable, tuple[int, int]]] = {}
        self.rows_of_ones: dict[int, Any] = {}

    def compile(
        self, read: Mapping[str, Sequence[Statement]], unless: str = "", order: int = 0
    ) -> dict[str, Callable]:
        """Return kernels made of what a tracer has read, by name: kernel(n, t, T, arrays), see `source.source`."""
        source = self.prefix + written.PRELUDE
        source += "".join(written.source(name, kernel, unless, order) for name, kernel in read.items())
        if source not in self.fused:
            self.fused[source] = self.gpu.compile(source, list(read))
        return {
            name: partial(launch, self.fused[source][name], [array for _, array in written.arrays_of(kernel)])
            for name, kernel in read.items()
        }

    def matmul_few_rows(self, a, weights, out) -> None:
        """Set out[g] = a @ weights[g], or a[g] @ weights[g]: (rows, K) or (G, rows, K), and (G, K, N).

        It is for the products of a time loop, which have a batch's rows, and takes a half to a third of the time of
        cuBLAS. The columns of each matrix of weights are contiguous, see `by_columns`.
        """
        G, K, N = weights.shape
        rows, a_next = a.shape[-2], layout(a)[2]
        if (rows, K, N) not in self.few_rows:
            self.few_rows[rows, K, N] = self.product_of_few_rows(rows, K, N)
        multiply, grid = self.few_rows[rows, K, N]
        arguments = a[0] if a.ndim == 3 else a, weights.swapaxes(1, 2), out, np.int64(a_next)
        multiply((grid[0], G * grid[1]), (32 * WARPS,), arguments)

    def product_of_few_rows(self, rows: int, K: int, N: int) -> tuple[Callable, tuple[int, int]]:
        """Return the kernel of few_rows.cu for these sizes, and the number of its tiles along columns and rows."""
        tile_rows = blocks(rows, blocks(rows, TILE_ROWS))
        # so few that a thread's sums fit in its registers
        tile_columns = min(N, TILE_BYTES // self.dtype.itemsize)
        constants = {"ROWS": rows, "K": K, "N": N, "WARPS": WARPS}
        constants |= {"TILE_ROWS": tile_rows, "TILE_COLUMNS": tile_columns}
        lines = "".join(f"constexpr int {name} = {value};\n" for name, value in constants.items())
        source = self.prefix + lines + FEW_ROWS.read_text(encoding="utf-8")
        name = "product_of_few_rows"
        return self.gpu.compile(source, [name])[name], (blocks(N, tile_columns), blocks(rows, tile_rows))

    def take_rows(self, table, index, out) -> None:
        """Set out = table[index], zeros where the index is negative: (V, D) and (...) to (..., D)."""
        rows, columns = index.size, table.shape[1]
        self.function["take_rows"]((rows,), (THREADS,), (table, index, out, np.int64(columns)))

    def add_rows(self, target, index, rows) -> None:
        """Add rows[k] (N, D) to target[index[k]] (V, D) for every k with index[k] >= 0."""
        count, columns = rows.shape
        arguments = target, index, rows, np.int64(count), np.int64(columns)
        self.function["add_rows"]((count, blocks(columns, BLOCK)), (BLOCK,), arguments)

    def dropout_mask(self, rate: float, key: tuple, out) -> None:
        """Fill `out` as `Ops.dropout_mask` does; the step of `key` may be an array of one uint64 on the device."""
        seed, step, place = key
        if isinstance(step, int):
            number = self.gpu.empty(1, np.uint64)
            number.fill(step)
            step = number
        kept = self.dtype.type(1 / (1 - rate))
        arguments = out, np.int64(out.size), np.uint64(seed), step, np.uint64(place), np.float32(rate), kept
        self.function["dropout_mask"]((blocks(out.size, 8 * BLOCK),), (BLOCK,), arguments)

    def softmax_cross_entropy(self, logits, bias, targets, grad_scale: float | None, row_nats=None):
        """Return the loss as `Ops.softmax_cross_entropy` does, as an array () of float64 on the device."""
        rows, columns = logits.shape
        nats = self.gpu.empty(rows, np.float64) if row_nats is None else row_nats
        total = self.gpu.empty((), np.float64)
        scale, gradient = self.dtype.type(grad_scale or 0), np.int32(grad_scale is not None)
        arguments = logits, bias, targets, nats, np.int64(columns), scale, gradient
        self.function["softmax_rows"]((rows,), (THREADS,), arguments)
        self.function["sum_all"]((1,), (THREADS,), (nats, total, np.int64(rows)))
        return total

    def norm_and_factor(self, grads, limit: float | None, steps=None):
        """Return the norm of all gradients (P,), and the factor that brings it down to `limit`: (2,) float64.

        steps : (1,) float64 on the device, as the result is; goes up by one where the norm is finite.
        """
        steps = self.gpu.empty(1, np.float64) if steps is None else steps
        number = min(MOST_PARTS, blocks(grads.size, THREADS))
        parts, clip = self.gpu.empty(number, np.float64), self.gpu.empty(2, np.float64)
        self.function["sum_squares"]((number,), (THREADS,), (grads, parts, np.int64(grads.size)))
        arguments = parts, clip, steps, np.int64(number), np.float64(limit or math.inf)
        self.function["norm_and_factor"]((1,), (THREADS,), arguments)
        return clip

    def ones(self, number: int):
        """Return ones (1, number), by which a product sums rows."""
        if number not in self.rows_of_ones:
            self.rows_of_ones[number] = self.gpu.empty((1, number), self.dtype)
            self.rows_of_ones[number].fill(1)
        return self.rows_of_ones[number]

    def sum_rows(self, a, out) -> None:
        """Set `out` (..., D) to the sum over the rows of matrices (..., N, D), by a product."""
        self.gpu.matmul(self.ones(a.shape[-2]), a, out[..., None, :])


def launch(function: Callable, names: Sequence[str], n: int, t: int, T: int, arrays: Mapping) -> None:
    """Call a kernel of `source.source` with the arrays it needs."""
    arguments = *(arrays[name] for name in names), np.int64(n), np.int64(t), np.int64(T)
    function((blocks(n, BLOCK),), (BLOCK,), arguments)


def blocks(number: int, size: int) -> int:
    return -(-number // size)
