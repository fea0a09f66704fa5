"""Compute a step of the independently recurrent network."""

import numpy as np

from rnnexp.nn.cells.base import Cell


class IndRNN(Cell):
    """Compute h' = relu(x W + v * h + b), in which each unit sees its own state alone.

    Li et al. 2018, "Independently recurrent neural network (IndRNN): building a longer and deeper RNN", equation 3.
    First values of v: uniform between 0 and 1. There is no recurrent product, so recurrent dropout is refused.
    """

    gates = input_gates = "n"
    recurrent_matmuls = {}
    diagonals = {"v_n": "h_prev"}

    def init(self, p, rng):
        super().init(p, rng)
        p["v_n"][...] = rng.uniform(0, 1, self.hidden_size)

    def step(self, arrays, recurrent):
        arrays["n"] += arrays["v_n"] * arrays["h_prev"]
        np.maximum(arrays["n"], 0, out=arrays["h"])

    def local_gradients(self, arrays, grads):
        np.sign(arrays["h"], out=grads["n"])

    def step_backward(self, arrays, grads, recurrent, dh):
        grads["n"] *= dh
        np.multiply(grads["n"], arrays["v_n"], out=dh)


make = IndRNN
