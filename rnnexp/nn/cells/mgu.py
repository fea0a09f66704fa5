"""Compute a step of the minimal gated unit."""

import numpy as np

from rnnexp.nn.activations import interpolate, sigmoid, sigmoid_gradient, tanh_gradient
from rnnexp.nn.cells.base import Cell


class MGU(Cell):
    """Compute the minimal gated unit: one gate f, candidate n.

        f = sigmoid(x W + h U_f + b)
        n = tanh(x W + (f * h) U_n + b)
        h' = (1 - f) * h + f * n

    Zhou et al. 2016, "Minimal gated unit for recurrent neural networks", equations 9.
    """

    gates = input_gates = "fn"
    recurrent_matmuls = {"f": "h_prev", "n": "gated_h"}
    saved = ("gated_h",)

    def step(self, arrays, recurrent):
        arrays["f"] += recurrent("f", arrays["h_prev"])
        sigmoid(arrays["f"], out=arrays["f"])
        np.multiply(arrays["f"], arrays["h_prev"], out=arrays["gated_h"])
        arrays["n"] += recurrent("n", arrays["gated_h"])
        np.tanh(arrays["n"], out=arrays["n"])
        interpolate(arrays["f"], arrays["n"], arrays["h_prev"], out=arrays["h"])

    def local_gradients(self, arrays, grads):
        sigmoid_gradient(arrays["f"], out=grads["f"])
        tanh_gradient(arrays["n"], out=grads["n"])
        grads["n"] *= arrays["f"]

    def step_backward(self, arrays, grads, recurrent, dh):
        grads["n"] *= dh
        d_gated_h = recurrent.back("n", grads["n"])
        df = dh * (arrays["n"] - arrays["h_prev"])
        df += d_gated_h * arrays["h_prev"]
        grads["f"] *= df
        dh *= 1 - arrays["f"]
        dh += d_gated_h * arrays["f"]
        dh += recurrent.back("f", grads["f"])


make = MGU
