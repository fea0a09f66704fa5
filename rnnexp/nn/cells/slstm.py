"""Compute a step of the LSTM with exponential gates."""

import numpy as np

from rnnexp.nn.activations import sigmoid, sigmoid_gradient, tanh_gradient
from rnnexp.nn.cells.base import Cell

NEAR = 30.0  # exp(-30) keeps all its digits in single precision, and so do its gradients
FAR = 1e30  # more than any preactivation


class SLSTM(Cell):
    """Compute the scalar LSTM of xLSTM: gates i, f, o, candidate g, and state (h, c, n, m).

        o = sigmoid(x W + h U + b)     g = tanh(x W + h U + b)
        m' = max(a_f + m, a_i)         of the preactivations of f and i
        i = exp(a_i - m')              f = exp(a_f + m - m')
        c' = f * c + i * g             n' = f * n + i
        h' = o * c' / n'

    Beck et al. 2024, "xLSTM: extended long short-term memory", equations 8 to 17, with exponential gates i and f, and
    one head. m only keeps the numbers finite: it changes no output. Where nothing is kept yet (n = 0), m' is at most
    a_i + 30: else i, which is then all of n', could round to 0.
    """

    gates = input_gates = "ifog"
    recurrent_matmuls = {"ifog": "h_prev"}
    states = ("h", "c", "n", "m")

    def step(self, arrays, recurrent):
        arrays["ifog"] += recurrent("ifog", arrays["h_prev"])
        arrays["f"] += arrays["m_prev"]
        most = arrays["i"] + (NEAR + FAR * np.sign(arrays["n_prev"]))
        np.minimum(arrays["f"], most, out=arrays["f"])
        np.maximum(arrays["f"], arrays["i"], out=arrays["m"])
        arrays["i"] -= arrays["m"]
        arrays["f"] -= arrays["m"]
        np.exp(arrays["i"], out=arrays["i"])
        np.exp(arrays["f"], out=arrays["f"])
        sigmoid(arrays["o"], out=arrays["o"])
        np.tanh(arrays["g"], out=arrays["g"])
        np.multiply(arrays["f"], arrays["c_prev"], out=arrays["c"])
        arrays["c"] += arrays["i"] * arrays["g"]
        np.multiply(arrays["f"], arrays["n_prev"], out=arrays["n"])
        arrays["n"] += arrays["i"]
        np.divide(arrays["c"], arrays["n"], out=arrays["h"])
        arrays["h"] *= arrays["o"]

    def local_gradients(self, arrays, grads):
        sigmoid_gradient(arrays["o"], out=grads["o"])
        grads["o"] *= arrays["c"]
        grads["o"] /= arrays["n"]
        tanh_gradient(arrays["g"], out=grads["g"])
        grads["g"] *= arrays["i"]
        grads["i"][...] = arrays["i"]
        grads["f"][...] = arrays["f"]

    def step_backward(self, arrays, grads, recurrent, dh, dc, dn, dm):
        grads["o"] *= dh
        dh /= arrays["n"]
        dc += dh * arrays["o"]
        dn -= dh * arrays["h"]
        grads["g"] *= dc
        grads["i"] *= dc * arrays["g"] + dn
        grads["f"] *= dc * arrays["c_prev"] + dn * arrays["n_prev"]
        dc *= arrays["f"]
        dn *= arrays["f"]
        # m' is a_f + m where f is 1, a_i where i is
        dm -= grads["i"] + grads["f"]
        from_f = (1 + np.sign(arrays["f"] - arrays["i"])) * 0.5
        grads["f"] += dm * from_f
        grads["i"] += dm * (1 - from_f)
        dm[...] = grads["f"]
        dh[...] = recurrent.back("ifog", grads["ifog"])


make = SLSTM
