"""Compute the softmax and its loss row by row, so that a row stays in the cache for all that is done to it."""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import overload

from rnnexp.compute.jit import jit
from rnnexp.compute.jit.instructions import instructions
from rnnexp.compute.ops import BLOCK
from rnnexp.compute.threads import in_parts

# exp(r) = 1 + r + r^2 Q(r), fitted by least squares of the relative error over |r| <= log(2) / 2: within 7e-8
Q0, Q1, Q2, Q3, Q4 = map(
    np.float32,
    (
        0.49999988595112804,
        0.16666518459980362,
        0.041669533109219975,
        0.008368916341374915,
        0.0013751407896030032,
    ),
)
HALF, ONE = np.float32(0.5), np.float32(1)
LEAST = np.float32(-87)  # exp(LEAST) is the least normal number, nearly
LOG2_E = np.float32(1 / math.log(2))
# log(2) in two parts, the first so short that its products with whole numbers are exact
LOG_2, LOG_2_REST = np.float32(math.log(2) - math.log(2) % 2**-9), np.float32(math.log(2) % 2**-9)


@instructions
def power_of_two(typing, exponent):
    """Return 2 to the power of a whole number from -126 to 127, in single precision."""

    def write(context, builder, signature, given):
        bits = builder.shl(builder.add(given[0], ir.IntType(32)(127)), ir.IntType(32)(23))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.int32), write


def exp(x: Any) -> Any:
    """Return exp(x) for x <= 0: of a single-precision number by the fit above, of a double by the C library."""


@overload(exp, inline="always")
def _exp(x):
    if x != types.float32:
        return lambda x: math.exp(x)

    def single(x):
        x = max(x, LEAST)  # NaN stays
        n = np.floor(x * LOG2_E + HALF)
        r = x - n * LOG_2 - n * LOG_2_REST
        q = Q0 + r * (Q1 + r * (Q2 + r * (Q3 + r * Q4)))
        return (ONE + (r + r * r * q)) * power_of_two(np.int32(n))

    return single


def cross_entropy(logits, bias, targets, grad_scale: float | None, row_nats, bias_grad) -> float:
    """Return what `Ops.softmax_cross_entropy` does."""
    nats = np.empty(len(logits)) if row_nats is None else row_nats
    number = max(1, BLOCK // logits.shape[1])  # of rows; each block sums the gradient of the bias for itself
    sums = np.zeros((-(-len(logits) // number), logits.shape[1]), logits.dtype)
    scale = logits.dtype.type(grad_scale or 0)

    def block(part: slice) -> None:
        arguments = logits[part], bias, targets[part], scale, nats[part], sums[part.start // number]
        cross_entropy_of_rows(*arguments)

    in_parts(block, len(logits), number)
    if grad_scale is not None and bias_grad is not None:
        np.sum(sums, axis=0, out=bias_grad)
    return float(nats.sum())


@jit
def cross_entropy_of_rows(logits, bias, targets, scale, nats, bias_grad):
    """Set nats (N,); where `scale` is not 0, turn logits (N, V) into their gradient and add that to `bias_grad`."""
    for k in range(len(logits)):
        row, target = logits[k], targets[k]
        greatest = row[0] + bias[0]
        for j in range(len(row)):
            row[j] += bias[j]
            greatest = max(greatest, row[j])
        log_numerator = row[target] - greatest
        total = row.dtype.type(0)
        for j in range(len(row)):
            row[j] = exp(row[j] - greatest)
            total += row[j]
        nats[k] = math.log(total) - log_numerator if target >= 0 else 0.0
        if scale != 0:
            factor = scale / total if target >= 0 else row.dtype.type(0)
            for j in range(len(row)):
                row[j] *= factor
                bias_grad[j] += row[j]
            if target >= 0:
                row[target] -= scale
                bias_grad[target] -= scale
