"""The loop over a window's recurrent products compiled by numba, like those of `rnnexp.compute.jit`."""

from rnnexp.compute.jit import jit
from rnnexp.compute.jit.products import multiply, scratch


@jit
def multiply_window(h, U, out, first, last):
    part = scratch(last - first, U, out)
    for t in range(len(h)):
        multiply(h[t, first:last], U, part, out)
