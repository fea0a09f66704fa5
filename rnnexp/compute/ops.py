"""Array helpers that several layers share."""

import numpy as np

from rnnexp.compute import backend, engine
from rnnexp.compute.cuda import kernels
from rnnexp.compute.threads import in_parts

# Rows of logits are worked through in blocks of about this many numbers, so that a block stays in
# the cache between the passes of the softmax (35 rows of PTB's 10,000 words).
BLOCK = 350_000
PART = 65_536  # numbers of a dropout mask that are drawn at a time; a multiple of 8


def sigmoid(x, out=None):
    """1 / (1 + exp(-x)), as (1 + tanh(x / 2)) / 2: never overflows, and tanh is vectorised in NumPy."""
    out = np.multiply(x, 0.5, out=out)
    np.tanh(out, out=out)
    out += 1
    out *= 0.5
    return out


def sigmoid_gradient(y, out):
    """The derivative of the sigmoid where its value is y."""
    np.subtract(1, y, out=out)
    out *= y


def tanh_gradient(y, out):
    """The derivative of tanh where its value is y."""
    np.multiply(y, y, out=out)
    np.subtract(1, out, out=out)


def softmax_cross_entropy(logits, bias, targets, grad_scale=None):
    """Sum of -log softmax(logits + bias)[target] over the rows, in nats.

    Parameters
    ----------
    logits : (N, V) array. Overwritten: by its own gradient times `grad_scale` where that is given,
        else by scratch numbers.
    bias : (V,) array.
    targets : (N,) integers below V; negative: a row that does not count.
    grad_scale : factor of the gradient, such as 1 / N for the gradient of the mean.

    Returns
    -------
    the sum in double precision: a float, or on a GPU an array () there.
    """
    if own := engine.custom_kernels(logits):
        return own.softmax_cross_entropy(logits, bias, targets, grad_scale)
    nats = backend.of(logits).empty(len(logits), np.float64)

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
    return float(nats.sum())


def take_rows(table, index, out):
    """out = table[index], rows of zeros where the index is negative: (V, D) and (..., ) to (..., D)."""
    if own := engine.custom_kernels(table):
        own.take_rows(table, index, out)
    elif isinstance(table, np.ndarray):
        # mode="clip" only because NumPy fills `out` through a copy otherwise
        np.take(table, index, axis=0, out=out, mode="clip")
        out[index < 0] = 0
    else:
        out[...] = table[index] * (index >= 0)[..., None]


def sum_rows(a, out):
    """out = the sum over the rows of matrices: (..., N, D) to (..., D)."""
    if own := engine.custom_kernels(a):
        own.sum_rows(a, out)
    else:
        np.sum(a, axis=-2, out=out)


def add_rows(target, index, rows):
    """target[index[k]] += rows[k] for every k, where an index may occur many times.

    Row by row: for 700 rows of 650 that takes 0.5 ms, `np.add.reduceat` over sorted rows 4, `np.add.at` more.

    Parameters
    ----------
    target : (V, D) array, changed in place.
    index : (N,) integers below V; negative: the row is left out.
    rows : (N, D) array.
    """
    if not isinstance(target, np.ndarray):
        kernels.of(target.dtype).add_rows(target, index, rows)
        return
    for k, row in zip(index.tolist(), rows):
        if k >= 0:
            target[k] += row


def dropout_mask(rate, key, out):
    """Fills `out` with a fresh inverted-dropout mask: 0 with probability `rate`, else 1 / (1 - rate).

    A pure function of `key`, three non-negative integers (seed, step, place): a checkpoint needs no
    generator state, and any mask can be drawn again.

    Srivastava et al. 2014; the generator is Philox (Salmon et al. 2011, "Parallel random numbers: as
    easy as 1, 2, 3"), whose counter takes step and place.
    """
    if not isinstance(out, np.ndarray):
        kernels.of(out.dtype).dropout_mask(rate, key, out)
        return
    seed, step, place = key
    flat = out.reshape(-1)

    def part_of_mask(part: slice) -> None:
        # a turn of the generator gives 8 numbers of 32 bits, and a part starts at a whole turn
        counter = [part.start // 8, 0, step, place]
        rng = np.random.Generator(np.random.Philox(key=seed, counter=counter))
        keep = rng.random(part.stop - part.start, dtype=np.float32) >= rate
        np.multiply(keep, 1 / (1 - rate), out=flat[part])

    in_parts(part_of_mask, len(flat), PART)
