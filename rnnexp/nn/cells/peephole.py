"""Compute a step of the LSTM with peepholes."""

import numpy as np

from rnnexp.nn.activations import sigmoid
from rnnexp.nn.cells.lstm import LSTM


class Peephole(LSTM):
    """Compute the LSTM whose gates see the memory: i and f the one before the step, o the one after it.

        i, f = sigmoid(x W + h U + v * c + b)     g = tanh(x W + h U + b)
        c' = f * c + i * g
        o = sigmoid(x W + h U + v * c' + b)
        h' = o * tanh(c')

    Gers, Schraudolph & Schmidhuber 2002, "Learning precise timing with LSTM recurrent networks", section 2. First
    values of v: 0.
    """

    diagonals = {"v_i": "c_prev", "v_f": "c_prev", "v_o": "c"}

    def step(self, arrays, recurrent):
        arrays["ifog"] += recurrent("ifog", arrays["h_prev"])
        arrays["i"] += arrays["v_i"] * arrays["c_prev"]
        arrays["f"] += arrays["v_f"] * arrays["c_prev"]
        sigmoid(arrays["if"], out=arrays["if"])
        np.tanh(arrays["g"], out=arrays["g"])
        np.multiply(arrays["f"], arrays["c_prev"], out=arrays["c"])
        arrays["c"] += arrays["i"] * arrays["g"]
        arrays["o"] += arrays["v_o"] * arrays["c"]
        sigmoid(arrays["o"], out=arrays["o"])
        np.tanh(arrays["c"], out=arrays["tanh_c"])
        np.multiply(arrays["o"], arrays["tanh_c"], out=arrays["h"])

    def step_backward(self, arrays, grads, recurrent, dh, dc):
        grads["c"] *= dh
        dc += grads["c"]
        grads["o"] *= dh
        dc += arrays["v_o"] * grads["o"]
        grads["if"] *= dc
        grads["g"] *= dc
        dc *= arrays["f"]
        dc += arrays["v_i"] * grads["i"]
        dc += arrays["v_f"] * grads["f"]
        dh[...] = recurrent.back("ifog", grads["ifog"])


make = Peephole
