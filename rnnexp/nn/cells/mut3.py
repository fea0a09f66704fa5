"""Compute a step of MUT3, a mutation of the GRU."""

import numpy as np

from rnnexp.nn.activations import interpolate, sigmoid, sigmoid_gradient, tanh_gradient
from rnnexp.nn.cells.base import Cell


class MUT3(Cell):
    """Compute the third mutation: gates r, z, candidate n.

        r = sigmoid(x W + h U_r + b)
        z = sigmoid(x W + tanh(h) U_z + b)
        n = tanh(x W + (r * h) U_n + b)
        h' = z * n + (1 - z) * h

    Jozefowicz et al. 2015, "An empirical exploration of recurrent network architectures", section 4.3.
    """

    gates = input_gates = "rzn"
    recurrent_matmuls = {"r": "h_prev", "z": "tanh_h", "n": "reset_h"}
    saved = ("tanh_h", "reset_h")

    def step(self, arrays, recurrent):
        np.tanh(arrays["h_prev"], out=arrays["tanh_h"])
        arrays["r"] += recurrent("r", arrays["h_prev"])
        arrays["z"] += recurrent("z", arrays["tanh_h"])
        sigmoid(arrays["rz"], out=arrays["rz"])
        np.multiply(arrays["r"], arrays["h_prev"], out=arrays["reset_h"])
        arrays["n"] += recurrent("n", arrays["reset_h"])
        np.tanh(arrays["n"], out=arrays["n"])
        interpolate(arrays["z"], arrays["n"], arrays["h_prev"], out=arrays["h"])

    def local_gradients(self, arrays, grads):
        sigmoid_gradient(arrays["rz"], out=grads["rz"])
        tanh_gradient(arrays["n"], out=grads["n"])
        grads["r"] *= arrays["h_prev"]
        grads["z"] *= arrays["n"] - arrays["h_prev"]
        grads["n"] *= arrays["z"]

    def step_backward(self, arrays, grads, recurrent, dh):
        grads["zn"] *= dh
        dh *= 1 - arrays["z"]
        d_reset_h = recurrent.back("n", grads["n"])
        grads["r"] *= d_reset_h
        dh += d_reset_h * arrays["r"]
        dh += recurrent.back("r", grads["r"])
        d_tanh_h = recurrent.back("z", grads["z"])
        dh += d_tanh_h * (1 - arrays["tanh_h"] * arrays["tanh_h"])


make = MUT3
