"""The vanilla recurrent network."""

import numpy as np

from rnnexp.cells.base import Cell


class RNN(Cell):
    """h' = tanh(x W + h U + b).

    Elman 1990, "Finding structure in time".
    """

    gates = input_gates = "h"
    products = ("h",)

    def step(self, a, state, recur):
        (h,) = state
        a += recur("h", h)
        np.tanh(a, out=a)
        return (a,), ()

    def step_backward(self, a, dstate, saved, recur):
        (dh,) = dstate
        a[...] = dh * (1 - a * a)
        return (recur.back("h", a),)


make = RNN
