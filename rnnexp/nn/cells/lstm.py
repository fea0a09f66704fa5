"""Compute a step of long short-term memory."""

from typing import Annotated

import numpy as np

from rnnexp.nn.activations import sigmoid, sigmoid_gradient, tanh_gradient
from rnnexp.nn.cells.base import Bias, Cell
from rnnexp.options import Option, within


class LSTM(Cell):
    """Compute the LSTM with gates i, f, o, candidate g and state (h, c).

        i, f, o = sigmoid(x W + h U + b)     g = tanh(x W + h U + b)
        c' = f * c + i * g
        h' = o * tanh(c')

    Hochreiter & Schmidhuber 1997, "Long short-term memory", with the forget gate of Gers, Schmidhuber & Cummins 2000,
    "Learning to forget: continual prediction with LSTM".

    Parameters
    ----------
    forget_bias : first value of the forget gate's bias. 1 keeps the memory open at the start (Jozefowicz et al. 2015,
        "An empirical exploration of recurrent network architectures", section 2.2); "Deep Learning from Scratch 2"
        has 0.
    """

    gates = input_gates = "ifog"
    recurrent_matmuls = {"ifog": "h_prev"}
    states = ("h", "c")
    saved: tuple[str, ...] = ("tanh_c",)
    more_gradients = ("c",)  # dh / dc

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        forget_bias: Annotated[
            float, Option("first value of the forget gate's bias", within(-100, 100))
        ] = 1.0,
        bias: Bias = True,
    ):
        super().__init__(input_size, hidden_size, bias)
        self.forget_bias = forget_bias

    def init(self, p, rng):
        super().init(p, rng)
        if self.bias:
            p["b"][self.gates.index("f")] = self.forget_bias

    def step(self, arrays, recurrent):
        arrays["ifog"] += recurrent("ifog", arrays["h_prev"])
        sigmoid(arrays["ifo"], out=arrays["ifo"])
        np.tanh(arrays["g"], out=arrays["g"])
        remember(arrays)

    def local_gradients(self, arrays, grads):
        sigmoid_gradient(arrays["ifo"], out=grads["ifo"])
        tanh_gradient(arrays["g"], out=grads["g"])
        grads["i"] *= arrays["g"]
        grads["f"] *= arrays["c_prev"]
        # not `*=`, for compiled code to multiply these two first: see rnnexp.compute.jit.factors
        np.multiply(arrays["tanh_c"], grads["o"], out=grads["o"])
        grads["g"] *= arrays["i"]
        tanh_gradient(arrays["tanh_c"], out=grads["c"])
        grads["c"] *= arrays["o"]

    def step_backward(self, arrays, grads, recurrent, dh, dc):
        through_memory(arrays, grads, dh, dc)
        dh[...] = recurrent.back("ifog", grads["ifog"])


def remember(arrays):
    """Set c' = f * c + i * g, tanh_c and h' = o * tanh(c')."""
    np.multiply(arrays["f"], arrays["c_prev"], out=arrays["c"])
    arrays["c"] += arrays["i"] * arrays["g"]
    np.tanh(arrays["c"], out=arrays["tanh_c"])
    np.multiply(arrays["o"], arrays["tanh_c"], out=arrays["h"])


def through_memory(arrays, grads, dh, dc):
    """Set the gradients of the preactivations of all gates, and dc to that of the memory before the step."""
    grads["c"] *= dh
    dc += grads["c"]
    grads["o"] *= dh
    grads["if"] *= dc
    grads["g"] *= dc
    dc *= arrays["f"]


make = LSTM
