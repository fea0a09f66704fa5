"""Compute a step of the minimal GRU."""

from rnnexp.nn.activations import interpolate, sigmoid, sigmoid_gradient
from rnnexp.nn.cells.base import Cell


class MinGRU(Cell):
    """Compute the GRU whose gate and candidate see the input alone: gate z, candidate n.

        z = sigmoid(x W + b)     n = x W + b
        h' = (1 - z) * h + z * n

    Feng et al. 2024, "Were RNNs all we needed?", section 3.1. There is no recurrent product, so recurrent dropout
    is refused.
    """

    gates = input_gates = "zn"
    recurrent_matmuls = {}

    def step(self, arrays, recurrent):
        sigmoid(arrays["z"], out=arrays["z"])
        interpolate(arrays["z"], arrays["n"], arrays["h_prev"], out=arrays["h"])

    def local_gradients(self, arrays, grads):
        sigmoid_gradient(arrays["z"], out=grads["z"])
        grads["z"] *= arrays["n"] - arrays["h_prev"]
        grads["n"][...] = arrays["z"]

    def step_backward(self, arrays, grads, recurrent, dh):
        grads["zn"] *= dh
        dh *= 1 - arrays["z"]


make = MinGRU
