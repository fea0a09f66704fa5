"""Long short-term memory."""

from typing import Annotated

import numpy as np

from rnnexp.compute.ops import sigmoid, sigmoid_gradient, tanh_gradient
from rnnexp.nn.cells.base import Bias, Cell
from rnnexp.options import Option


class LSTM(Cell):
    """Gates i, f, o and candidate g; state (h, c).

        i, f, o = sigmoid(x W + h U + b)     g = tanh(x W + h U + b)
        c' = f * c + i * g
        h' = o * tanh(c')

    Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    forget_bias=1 keeps the memory open at the start (Jozefowicz et al. 2015, section 2.2); "Deep Learning
    from Scratch 2" has 0.
    """

    gates = input_gates = "ifog"
    products = {"ifog": "h_prev"}
    states = ("h", "c")
    saved = ("tanh_c",)
    slopes = ("c",)  # dh / dc

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        forget_bias: Annotated[float, Option("first value of the forget gate's bias")] = 1.0,
        bias: Bias = True,
    ):
        super().__init__(input_size, hidden_size, bias)
        self.forget_bias = forget_bias

    def init(self, rng):
        super().init(rng)
        if self.bias:
            self.p["b"][self.gates.index("f")] = self.forget_bias

    def step(self, s, recur):
        s["ifog"] += recur("ifog", s["h_prev"])
        sigmoid(s["ifo"], out=s["ifo"])
        np.tanh(s["g"], out=s["g"])
        np.multiply(s["f"], s["c_prev"], out=s["c"])
        s["c"] += s["i"] * s["g"]
        np.tanh(s["c"], out=s["tanh_c"])
        np.multiply(s["o"], s["tanh_c"], out=s["h"])

    def local_gradients(self, s, d):
        sigmoid_gradient(s["ifo"], out=d["ifo"])
        tanh_gradient(s["g"], out=d["g"])
        d["i"] *= s["g"]
        d["f"] *= s["c_prev"]
        d["o"] *= s["tanh_c"]
        d["g"] *= s["i"]
        tanh_gradient(s["tanh_c"], out=d["c"])
        d["c"] *= s["o"]

    def step_backward(self, s, d, recur, dh, dc):
        d["c"] *= dh
        dc += d["c"]
        d["o"] *= dh
        d["if"] *= dc
        d["g"] *= dc
        dc *= s["f"]
        dh[...] = recur.back("ifog", d["ifog"])


make = LSTM
