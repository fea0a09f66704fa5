"""Compute a step of the update gate recurrent network."""

import numpy as np

from rnnexp.nn.activations import interpolate, sigmoid, sigmoid_gradient
from rnnexp.nn.cells.base import Cell
from rnnexp.nn.cells.gru import local_gradients_of_interpolation


class UGRNN(Cell):
    """Compute the network with an update gate alone: gate z, candidate n.

        z = sigmoid(x W + h U + b)     n = tanh(x W + h U + b)
        h' = z * h + (1 - z) * n

    Collins, Sohl-Dickstein & Sussillo 2017, "Capacity and trainability in recurrent neural networks", section 2.1,
    which calls the gate g.
    """

    gates = input_gates = "zn"
    recurrent_matmuls = {"zn": "h_prev"}

    def step(self, arrays, recurrent):
        arrays["zn"] += recurrent("zn", arrays["h_prev"])
        sigmoid(arrays["z"], out=arrays["z"])
        np.tanh(arrays["n"], out=arrays["n"])
        interpolate(arrays["z"], arrays["h_prev"], arrays["n"], out=arrays["h"])

    def local_gradients(self, arrays, grads):
        sigmoid_gradient(arrays["z"], out=grads["z"])
        local_gradients_of_interpolation(arrays, grads)

    def step_backward(self, arrays, grads, recurrent, dh):
        grads["zn"] *= dh
        dh *= arrays["z"]
        dh += recurrent.back("zn", grads["zn"])


make = UGRNN
