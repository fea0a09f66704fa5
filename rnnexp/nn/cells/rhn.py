"""Compute a step of the recurrent highway network."""

from typing import Annotated

import numpy as np

from rnnexp.nn.activations import interpolate, sigmoid, sigmoid_gradient, tanh_gradient
from rnnexp.nn.cells.base import Bias, Cell
from rnnexp.options import Option, within

LETTERS = "nt ab cd ef gi jk lm op qr su"  # of the candidate and the gate of each layer in a step
PAIRS = [(pair[0], pair[1]) for pair in LETTERS.split()]


class RHN(Cell):
    """Compute the recurrent highway network: layers 1 to L within a step, candidate n and gate t of each.

        n = tanh(x W + s U + b)     t = sigmoid(x W + s U + b)      x W in the first layer only
        s' = t * n + (1 - t) * s

    The first layer begins with s = h, and h' is the s' of the last. First value of t's biases: `transform_bias`.

    Zilly et al. 2017, "Recurrent highway networks", equations 6 to 9, with the carry gate 1 - t.
    """

    input_gates = "nt"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        depth: Annotated[int, Option("layers within a step", within(1, len(PAIRS)))] = 3,
        transform_bias: Annotated[
            float, Option("first value of the bias of the gates t", within(-100, 100))
        ] = -2.0,
        bias: Bias = True,
    ):
        self.transform_bias, self.pairs = transform_bias, PAIRS[:depth]
        self.gates = "".join(n + t for n, t in self.pairs)
        self.saved = tuple(f"s{layer}" for layer in range(1, depth))
        self.between = ("h_prev", *self.saved, "h")  # s before, between and after the layers
        self.recurrent_matmuls = {n + t: s for (n, t), s in zip(self.pairs, self.between)}
        super().__init__(input_size, hidden_size, bias)

    def init(self, p, rng):
        super().init(p, rng)
        if self.bias:
            p["b"][1::2] = self.transform_bias

    def step(self, arrays, recurrent):
        for (n, t), before, after in zip(self.pairs, self.between, self.between[1:]):
            arrays[n + t] += recurrent(n + t, arrays[before])
            np.tanh(arrays[n], out=arrays[n])
            sigmoid(arrays[t], out=arrays[t])
            interpolate(arrays[t], arrays[n], arrays[before], out=arrays[after])

    def local_gradients(self, arrays, grads):
        for (n, t), before in zip(self.pairs, self.between):
            tanh_gradient(arrays[n], out=grads[n])
            sigmoid_gradient(arrays[t], out=grads[t])
            grads[n] *= arrays[t]
            grads[t] *= arrays[n] - arrays[before]

    def step_backward(self, arrays, grads, recurrent, dh):
        for n, t in reversed(self.pairs):
            grads[n + t] *= dh
            dh *= 1 - arrays[t]
            dh += recurrent.back(n + t, grads[n + t])


make = RHN
