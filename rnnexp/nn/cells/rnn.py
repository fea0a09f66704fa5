"""The vanilla recurrent network."""

import numpy as np

from rnnexp.compute.ops import tanh_gradient
from rnnexp.nn.cells.base import Cell


class RNN(Cell):
    """h' = tanh(x W + h U + b).

    Elman 1990, "Finding structure in time".
    """

    gates = input_gates = "n"
    products = {"n": "h_prev"}

    def step(self, s, recur):
        s["n"] += recur("n", s["h_prev"])
        np.tanh(s["n"], out=s["h"])

    def local_gradients(self, s, d):
        tanh_gradient(s["h"], out=d["n"])

    def step_backward(self, s, d, recur, dh):
        d["n"] *= dh
        dh[...] = recur.back("n", d["n"])


make = RNN
