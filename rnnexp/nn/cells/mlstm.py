"""Compute a step of the multiplicative LSTM."""

import numpy as np

from rnnexp.nn.activations import sigmoid
from rnnexp.nn.cells.lstm import LSTM, remember, through_memory


class MultiplicativeLSTM(LSTM):
    """Compute the LSTM whose gates read m * k, which is the state transformed by the input, in place of h.

        m = x W + b     k = h U_k + b
        i, f, o = sigmoid(x W + (m * k) U + b)     g = tanh(x W + (m * k) U + b)
        c' = f * c + i * g
        h' = o * tanh(c')

    Krause et al. 2016, "Multiplicative LSTM for sequence modelling", section 3, where m and k have no biases.
    """

    gates, input_gates = "ifogmk", "ifogm"
    recurrent_matmuls = {"k": "h_prev", "ifog": "mixed_h"}
    saved = ("tanh_c", "mixed_h")

    def step(self, arrays, recurrent):
        arrays["k"] += recurrent("k", arrays["h_prev"])
        np.multiply(arrays["m"], arrays["k"], out=arrays["mixed_h"])
        arrays["ifog"] += recurrent("ifog", arrays["mixed_h"])
        sigmoid(arrays["ifo"], out=arrays["ifo"])
        np.tanh(arrays["g"], out=arrays["g"])
        remember(arrays)

    def local_gradients(self, arrays, grads):
        super().local_gradients(arrays, grads)
        grads["m"][...] = arrays["k"]
        grads["k"][...] = arrays["m"]

    def step_backward(self, arrays, grads, recurrent, dh, dc):
        through_memory(arrays, grads, dh, dc)
        d_mixed_h = recurrent.back("ifog", grads["ifog"])
        grads["mk"] *= d_mixed_h
        dh[...] = recurrent.back("k", grads["k"])


make = MultiplicativeLSTM
