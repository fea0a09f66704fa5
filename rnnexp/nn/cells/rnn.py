"""Compute a step of the vanilla recurrent network."""

import numpy as np

from rnnexp.nn.activations import tanh_gradient
from rnnexp.nn.cells.base import Cell


class RNN(Cell):
    """Compute h' = tanh(x W + h U + b).

    Elman 1990, "Finding structure in time".
    """

    gates = input_gates = "n"
    recurrent_matmuls = {"n": "h_prev"}

    def step(self, arrays, recurrent):
        arrays["n"] += recurrent("n", arrays["h_prev"])
        np.tanh(arrays["n"], out=arrays["h"])

    def local_gradients(self, arrays, grads):
        tanh_gradient(arrays["h"], out=grads["n"])

    def step_backward(self, arrays, grads, recurrent, dh):
        grads["n"] *= dh
        dh[...] = recurrent.back("n", grads["n"])


make = RNN
