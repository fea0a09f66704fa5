"""Compute with NumPy, by as many threads as `rnnexp.compute.threads` has."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from types import ModuleType

import numpy as np

from rnnexp.compute import threads
from rnnexp.compute.blas import mkl, tiles
from rnnexp.compute.ops import Ops
from rnnexp.compute.threads import in_parts

# Multiplications below which a product is done sooner than a second thread is awake.
WORTH_SHARING = 30_000_000
PART = 65_536  # numbers that are worked through at a time; a multiple of 8, for dropout masks


class Cpu(Ops):
    """Compute on NumPy's arrays.

    Attributes
    ----------
    gemm : `rnnexp.compute.blas.products` where MKL multiplies numbers of single precision, else None.
    """

    name = "cpu"
    update_block = PART
    gemm: ModuleType | None = None

    def empty(self, shape, dtype):
        return np.empty(shape, dtype)

    def zeros(self, shape, dtype):
        return np.zeros(shape, dtype)

    def to_device(self, array):
        return array

    def to_host(self, array):
        return array

    @contextmanager
    def using(self, engine: str, tf32: bool) -> Iterator[None]:
        before = self.gemm, self.compiled_loops
        self.gemm, self.compiled_loops = load_gemm() if engine == "mkl" else None, engine != "numpy"
        try:
            yield
        finally:
            self.gemm, self.compiled_loops = before

    def errors_in_words(self) -> AbstractContextManager:
        return nullcontext()

    def gemm_of(self, dtype) -> ModuleType | None:
        """Return `gemm` for a type of numbers that it multiplies, None where NumPy does."""
        return self.gemm if dtype == np.float32 else None

    def matmul(self, a, b, out):
        gemm = self.gemm_of(out.dtype)
        return gemm.matmul(a, b, out) if gemm else np.matmul(a, b, out=out)

    def add_matmul(self, a, b, scratch, out):
        out += self.matmul(a, b, scratch)

    def matmul_jobs(self, a, b, out):
        """Return the jobs of out = a @ b; a large product is shared out among the threads, by rows."""
        parts = [slice(None)]
        if out.size * a.shape[-1] >= WORTH_SHARING:
            key = "matmul", a.shape, b.shape, a.flags.c_contiguous, b.flags.c_contiguous, out.dtype

            def rows_of(rows: slice) -> None:
                self.matmul(a[rows], b, out[rows])

            parts = threads.parts_alike(key, len(out), 1, rows_of, [out])
        return [partial(self.matmul, a[rows], b, out[rows]) for rows in parts]

    def stacked_matmul_jobs(self, a, b, out):
        return [partial(self.matmul, a, b[k], out[k]) for k in range(len(out))]

    def recurrent_weights(self, U, rows, workspace):
        return tiles.cut(U, rows, workspace)

    def recurrent_matmul(self, weights, rows) -> Callable:
        return tiles.TiledMatmul(weights, rows)

    def softmax_cross_entropy(self, logits, bias, targets, grad_scale=None, row_nats=None, bias_grad=None):
        given = logits, bias, targets, grad_scale, row_nats, bias_grad
        if not self.compiled_loops:
            return super().softmax_cross_entropy(*given)
        return importlib.import_module("rnnexp.compute.jit.softmax").cross_entropy(*given)

    def take_rows(self, table, index, out):
        # mode="clip" only because NumPy fills `out` through a copy otherwise
        np.take(table, index, axis=0, out=out, mode="clip")
        out[index < 0] = 0

    def add_rows(self, target, index, rows):
        """Add row by row: for 700 rows of 650 numbers that takes 0.5 ms, `np.add.reduceat` 4 ms, `np.add.at` more."""
        for k, row in zip(index.tolist(), rows):
            if k >= 0:
                target[k] += row

    def dropout_mask(self, rate, key, out):
        seed, step, place = key
        flat = out.reshape(-1)

        def part_of_mask(part: slice) -> None:
            # a turn of the generator gives 8 numbers of 32 bits, and a part starts at a whole turn
            counter = [part.start // 8, 0, step, place]
            rng = np.random.Generator(np.random.Philox(key=seed, counter=counter))
            keep = rng.random(part.stop - part.start, dtype=np.float32) >= rate
            np.multiply(keep, 1 / (1 - rate), out=flat[part])

        in_parts(part_of_mask, len(flat), PART)

    def squared_norm(self, array):
        """Return the sum of squares of an array (P,), the same for any number of threads."""
        squares = np.zeros(-(-len(array) // PART))

        def square(part: slice) -> None:
            squares[part.start // PART] = np.dot(array[part], array[part])

        in_parts(square, len(array), PART)
        return float(squares.sum())


def load_gemm() -> ModuleType:
    """Load MKL and return the module that calls its products."""
    mkl.load()
    return importlib.import_module("rnnexp.compute.blas.products")
