"""Long short-term memory."""

import numpy as np

from rnnexp.cells.base import Cell
from rnnexp.ops import sigmoid


class LSTM(Cell):
    """Gates i, f, o and candidate g; state (h, c).

        i, f, o = sigmoid(x W + h U + b)     g = tanh(x W + h U + b)
        c' = f * c + i * g
        h' = o * tanh(c')

    Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    Parameters
    ----------
    forget_bias : first value of the forget gate's bias. 1 keeps the memory open at the start
        (Jozefowicz et al. 2015, section 2.2); "Deep Learning from Scratch 2" has 0.
    """

    gates = input_gates = "ifog"
    products = ("ifog",)
    states = ("h", "c")

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float = 1.0):
        super().__init__(input_size, hidden_size)
        self.forget_bias = forget_bias

    def init(self, rng):
        super().init(rng)
        self.p["b"][self.columns("f")] = self.forget_bias

    def step(self, a, state, recur):
        h, c = state
        a += recur("ifog", h)
        ifo, g = a[:, self.columns("ifo")], a[:, self.columns("g")]
        sigmoid(ifo, out=ifo)
        np.tanh(g, out=g)
        i, f, o, g = self.split(a)
        c_next = f * c + i * g
        tanh_c = np.tanh(c_next)
        return (o * tanh_c, c_next), (c, tanh_c)

    def step_backward(self, a, dstate, saved, recur):
        (dh, dc), (c, tanh_c) = dstate, saved
        i, f, o, g = self.split(a)
        dc = dc + dh * o * (1 - tanh_c * tanh_c)
        dc_prev = dc * f
        da_i = dc * g * i * (1 - i)
        da_f = dc * c * f * (1 - f)
        da_o = dh * tanh_c * o * (1 - o)
        da_g = dc * i * (1 - g * g)
        np.concatenate((da_i, da_f, da_o, da_g), axis=1, out=a)
        return recur.back("ifog", a), dc_prev


make = LSTM
