"""Compute a step of the LSTM with coupled input and forget gates."""

import numpy as np

from rnnexp.nn.activations import interpolate, sigmoid, sigmoid_gradient, tanh_gradient
from rnnexp.nn.cells.base import Cell


class CIFG(Cell):
    """Compute the LSTM whose input gate is 1 - f: gates f, o, candidate g and state (h, c).

        f, o = sigmoid(x W + h U + b)     g = tanh(x W + h U + b)
        c' = f * c + (1 - f) * g
        h' = o * tanh(c')

    CIFG of Greff et al. 2017, "LSTM: a search space odyssey", section 3, without its peepholes. First value of
    f's bias: 1.
    """

    gates = input_gates = "fog"
    recurrent_matmuls = {"fog": "h_prev"}
    states = ("h", "c")
    saved = ("tanh_c",)
    more_gradients = ("c",)  # dh / dc

    def init(self, p, rng):
        super().init(p, rng)
        if self.bias:
            p["b"][0] = 1

    def step(self, arrays, recurrent):
        arrays["fog"] += recurrent("fog", arrays["h_prev"])
        sigmoid(arrays["fo"], out=arrays["fo"])
        np.tanh(arrays["g"], out=arrays["g"])
        interpolate(arrays["f"], arrays["c_prev"], arrays["g"], out=arrays["c"])
        np.tanh(arrays["c"], out=arrays["tanh_c"])
        np.multiply(arrays["o"], arrays["tanh_c"], out=arrays["h"])

    def local_gradients(self, arrays, grads):
        sigmoid_gradient(arrays["fo"], out=grads["fo"])
        tanh_gradient(arrays["g"], out=grads["g"])
        grads["f"] *= arrays["c_prev"] - arrays["g"]
        grads["o"] *= arrays["tanh_c"]
        grads["g"] *= 1 - arrays["f"]
        tanh_gradient(arrays["tanh_c"], out=grads["c"])
        grads["c"] *= arrays["o"]

    def step_backward(self, arrays, grads, recurrent, dh, dc):
        grads["c"] *= dh
        dc += grads["c"]
        grads["o"] *= dh
        grads["f"] *= dc
        grads["g"] *= dc
        dc *= arrays["f"]
        dh[...] = recurrent.back("fog", grads["fog"])


make = CIFG
