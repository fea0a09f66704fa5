"""State the contract of a device: it holds arrays, and does the operations that devices do differently."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np

from rnnexp.compute.threads import in_parts

# Rows of logits are worked through in blocks of about this many numbers, so that a block stays in
# the cache between the passes of the softmax (35 rows of PTB's 10,000 words).
BLOCK = 350_000


class Ops(ABC):
    """Compute on a device, `Cpu` or `Gpu`.

    Methods that are not abstract call NumPy's functions, which take CuPy's arrays too.

    Attributes
    ----------
    name : "cpu" or "gpu".
    compiled_loops : whether time loops compiled by numba are used where a cell has some.
    uses_cuda_graph : whether work at fixed places is repeated as one CUDA graph.
    asynchronous : whether work is only asked for, and what it reads has to be brought to the device first.
    cheap_multiplications : whether a product costs little beside what prepares it.
    update_block : numbers of the flat parameter buffer that an optimizer works through at a time.
    """

    name: str
    compiled_loops = False
    uses_cuda_graph = False
    asynchronous = False
    cheap_multiplications = False
    update_block: int

    # Arrays

    @abstractmethod
    def empty(self, shape, dtype) -> Any:
        """Return an array of a shape, uninitialised."""

    @abstractmethod
    def zeros(self, shape, dtype) -> Any:
        """Return an array of zeros of a shape."""

    @abstractmethod
    def to_device(self, array) -> Any:
        """Return NumPy's array as one of this device."""

    @abstractmethod
    def to_host(self, array) -> Any:
        """Return an array of this device as NumPy's."""

    @abstractmethod
    def using(self, engine: str, tf32: bool) -> AbstractContextManager:
        """Compute by an engine, within the context; `rnnexp.compute.engine` has checked that the device has it."""

    @abstractmethod
    def errors_in_words(self) -> AbstractContextManager:
        """Turn errors of the device, raised within the context, into a UserError."""

    def custom_kernels(self, dtype) -> Any:
        """Return our own kernels for numbers of a type; None where array functions compute."""
        return None

    # Products

    @abstractmethod
    def matmul(self, a, b, out) -> Any:
        """Set out = a @ b by one thread, and return it: matrices (M, K) @ (K, N), or stacks (G, M, K) @ (G, K, N)."""

    @abstractmethod
    def add_matmul(self, a, b, scratch, out) -> None:
        """Add a @ b to `out`: (M, K) @ (K, N); `scratch` is an array (M, N), as `out` is."""

    def matmul_jobs(self, a, b, out) -> list[Callable]:
        """Return functions that together set out = a @ b, called in any order: (M, K) @ (K, N)."""
        return [partial(self.matmul, a, b, out)]

    def stacked_matmul_jobs(self, a, b, out) -> list[Callable]:
        """Return functions that together set out[k] = a @ b[k], called in any order: (M, K) @ (G, K, N)."""
        return [partial(self.matmul, a, b, out)]

    @abstractmethod
    def recurrent_weights(self, U, rows: int, workspace) -> Any:
        """Return recurrent weights U (G, K, H) in the form that multiplies `rows` rows fastest, for a window."""

    @abstractmethod
    def recurrent_matmul(self, weights, rows: int) -> Callable:
        """Return the function from v to v @ U[g] for every g, given weights from `recurrent_weights`.

        v is (rows, K), or (G, rows, K) with rows for each g. The result is (rows, H) where G is 1, else
        (G, rows, H). The next call overwrites it.
        """

    # The rest of a step

    def softmax_cross_entropy(
        self, logits, bias, targets, grad_scale: float | None = None, row_nats=None, bias_grad=None
    ) -> Any:
        """Return the sum of -log softmax(logits + bias)[target] over the rows, in nats.

        Parameters
        ----------
        logits : (N, V) array. Overwritten: by its own gradient times `grad_scale` where that is given,
            else by scratch numbers.
        bias : (V,) array.
        targets : (N,) integers below V; negative: a row that does not count.
        grad_scale : factor of the gradient, such as 1 / N for the gradient of the mean.
        row_nats : (N,) float64 array, set to the nats of every row, 0 where it does not count; None: they
            are only summed.
        bias_grad : (V,) array, set to the gradient of `bias` where `grad_scale` is given; None: it is not wanted.

        Returns
        -------
        the sum in double precision: a float, or on a GPU an array () there.
        """
        nats = self.empty(len(logits), np.float64) if row_nats is None else row_nats

        def block(part: slice) -> None:
            rows = logits[part]
            counted = targets[part] >= 0
            at_target = np.flatnonzero(counted), targets[part][counted]
            rows += bias
            rows -= rows.max(axis=1, keepdims=True)
            log_numerator = rows[at_target]
            np.exp(rows, out=rows)
            denominator = rows.sum(axis=1)
            nats[part] = np.log(denominator, dtype=np.float64) * counted
            nats[part][counted] -= log_numerator
            if grad_scale is not None:
                rows *= (grad_scale / denominator * counted).astype(rows.dtype)[:, None]
                rows[at_target] -= rows.dtype.type(grad_scale)

        in_parts(block, len(logits), max(1, BLOCK // logits.shape[1]))
        if grad_scale is not None and bias_grad is not None:
            self.sum_rows(logits, bias_grad)
        return float(nats.sum())

    def take_rows(self, table, index, out) -> None:
        """Set out = table[index], rows of zeros where the index is negative: (V, D) and (...) to (..., D)."""
        out[...] = table[index] * (index >= 0)[..., None]

    def sum_rows(self, a, out) -> None:
        """Set `out` to the sum over the rows of matrices: (..., N, D) to (..., D)."""
        np.sum(a, axis=-2, out=out)

    @abstractmethod
    def add_rows(self, target, index, rows) -> None:
        """Add rows[k] to target[index[k]] for every k, where an index may occur many times.

        Parameters
        ----------
        target : (V, D) array, changed in place.
        index : (N,) integers below V; negative: the row is left out.
        rows : (N, D) array.
        """

    @abstractmethod
    def dropout_mask(self, rate: float, key: tuple, out) -> None:
        """Fill `out` (T, B, D) with an inverted-dropout mask: 0 with probability `rate`, else 1 / (1 - rate).

        The mask is a pure function of `key`, three non-negative integers (seed, step, place). So a checkpoint
        needs no generator state, and any mask can be drawn again.

        Srivastava et al. 2014; the generator is Philox (Salmon et al. 2011, "Parallel random numbers: as
        easy as 1, 2, 3"), whose counter takes step and place.
        """

    @abstractmethod
    def squared_norm(self, array) -> float:
        """Return the sum of the squares of an array (P,)."""
