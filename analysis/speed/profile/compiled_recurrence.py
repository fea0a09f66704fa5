"""Compile the loop over a window's recurrent products, like the loops of `rnnexp.nn.loops.jit`."""

from rnnexp.compute.jit import jit
from rnnexp.compute.jit.panels import multiply


@jit
def multiply_window(h, U, out, first, last):
    """Multiply h (T, B, H) at each step by the recurrent weights, for the rows from `first` to before `last`."""
    for t in range(len(h)):
        multiply(h[t, first:last], U, out)
