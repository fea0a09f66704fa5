"""Compute a step of the LSTM that has a forget gate alone."""

from typing import Annotated

import numpy as np

from rnnexp.nn.activations import sigmoid, sigmoid_gradient, tanh_gradient
from rnnexp.nn.cells.base import Bias, Cell
from rnnexp.options import Option, at_least

BETA = 1  # of the paper


class JANET(Cell):
    """Compute "just another network": gate f, candidate n.

        s = x W + h U + b     n = tanh(x W + h U + b)
        h' = sigmoid(s) * h + (1 - sigmoid(s - 1)) * n

    van der Westhuizen & Lasenby 2018, "The unreasonable effectiveness of the forget gate", section 3.

    Parameters
    ----------
    chrono_steps : T, the steps over which to remember at first: the first values of f's bias are log(u), u uniform
        between 1 and T - 1 (Tallec & Ollivier 2018, "Can recurrent neural networks warp time?", equation 15).
    """

    gates = input_gates = "fn"
    recurrent_matmuls = {"fn": "h_prev"}
    saved = ("kept_out",)  # sigmoid(s - 1), the share that is not taken in

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        chrono_steps: Annotated[
            int,
            Option("steps over which the cell remembers at first, by its forget gate's bias", at_least(2)),
        ] = 32,
        bias: Bias = True,
    ):
        super().__init__(input_size, hidden_size, bias)
        self.chrono_steps = chrono_steps

    def init(self, p, rng):
        super().init(p, rng)
        if self.bias:
            p["b"][0] = np.log(rng.uniform(1, self.chrono_steps - 1, self.hidden_size))

    def step(self, arrays, recurrent):
        arrays["fn"] += recurrent("fn", arrays["h_prev"])
        np.subtract(arrays["f"], BETA, out=arrays["kept_out"])
        sigmoid(arrays["kept_out"], out=arrays["kept_out"])
        sigmoid(arrays["f"], out=arrays["f"])
        np.tanh(arrays["n"], out=arrays["n"])
        np.multiply(arrays["f"], arrays["h_prev"], out=arrays["h"])
        arrays["h"] += (1 - arrays["kept_out"]) * arrays["n"]

    def local_gradients(self, arrays, grads):
        sigmoid_gradient(arrays["f"], out=grads["f"])
        grads["f"] *= arrays["h_prev"]
        grads["f"] -= arrays["kept_out"] * (1 - arrays["kept_out"]) * arrays["n"]
        tanh_gradient(arrays["n"], out=grads["n"])
        grads["n"] *= 1 - arrays["kept_out"]

    def step_backward(self, arrays, grads, recurrent, dh):
        grads["fn"] *= dh
        dh *= arrays["f"]
        dh += recurrent.back("fn", grads["fn"])


make = JANET
