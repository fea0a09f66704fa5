"""The gated recurrent unit, with the reset gate before or after the recurrent product."""

from typing import Annotated

import numpy as np

from rnnexp.compute.ops import sigmoid, sigmoid_gradient, tanh_gradient
from rnnexp.nn.cells.base import Bias, Cell
from rnnexp.options import Option, one_of

RESET = one_of("before", "after")


class GRU(Cell):
    """Gates r, z and candidate n; state (h,). The reset gate comes before the recurrent product.

        r, z = sigmoid(x W + h U_rz + b)
        n = tanh(x W + (r * h) U_n + b)
        h' = z * h + (1 - z) * n

    Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", equations 5 to 8.
    (Where a text writes h' = (1 - z) * h + z * n, its z is our 1 - z.)
    """

    gates = input_gates = "rzn"
    products = {"rz": "h_prev", "n": "reset_h"}
    saved = ("reset_h",)

    def step(self, s, recur):
        s["rz"] += recur("rz", s["h_prev"])
        sigmoid(s["rz"], out=s["rz"])
        np.multiply(s["r"], s["h_prev"], out=s["reset_h"])
        s["n"] += recur("n", s["reset_h"])
        np.tanh(s["n"], out=s["n"])
        interpolate(s)

    def local_gradients(self, s, d):
        sigmoid_gradient(s["rz"], out=d["rz"])
        d["r"] *= s["h_prev"]
        local_gradients_of_interpolation(s, d)

    def step_backward(self, s, d, recur, dh):
        d["zn"] *= dh
        dh *= s["z"]
        d_reset_h = recur.back("n", d["n"])
        d["r"] *= d_reset_h
        dh += d_reset_h * s["r"]
        dh += recur.back("rz", d["rz"])


class GRUResetAfter(Cell):
    """Candidate n, gates r, z and the candidate's recurrent part m; the reset gate comes after the product.

        r, z = sigmoid(x W + h U + b)      m = h U + b
        n = tanh(x W + b + r * m)
        h' = z * h + (1 - z) * n

    The form of cuDNN, PyTorch and Keras (`reset_after`): one recurrent product a step instead of two.
    The input feeds n, r, z, the state feeds r, z, m, so that both are runs of adjacent gates; the
    bias of m is the "recurrent bias" of those libraries.
    """

    gates, input_gates = "nrzm", "nrz"
    products = {"rzm": "h_prev"}

    def step(self, s, recur):
        s["rzm"] += recur("rzm", s["h_prev"])
        sigmoid(s["rz"], out=s["rz"])
        s["n"] += s["r"] * s["m"]
        np.tanh(s["n"], out=s["n"])
        interpolate(s)

    def local_gradients(self, s, d):
        sigmoid_gradient(s["rz"], out=d["rz"])
        local_gradients_of_interpolation(s, d)
        d["r"] *= s["m"]
        d["r"] *= d["n"]
        np.multiply(s["r"], d["n"], out=d["m"])

    def step_backward(self, s, d, recur, dh):
        d["nrzm"] *= dh
        dh *= s["z"]
        dh += recur.back("rzm", d["rzm"])


def interpolate(s):
    """h' = z * h + (1 - z) * n, as n + z * (h - n)."""
    np.subtract(s["h_prev"], s["n"], out=s["h"])
    s["h"] *= s["z"]
    s["h"] += s["n"]


def local_gradients_of_interpolation(s, d):
    """d["z"], d["n"]: how h' changes with the preactivations of z and n; z's holds the sigmoid's slope."""
    d["z"] *= s["h_prev"] - s["n"]
    tanh_gradient(s["n"], out=d["n"])
    d["n"] *= 1 - s["z"]


def make(
    input_size: int,
    hidden_size: int,
    reset: Annotated[
        str,
        Option("the reset gate acts before (Cho et al. 2014) or after (cuDNN) the product", RESET),
    ] = "before",
    bias: Bias = True,
) -> Cell:
    """Return the layer of either form."""
    RESET.require("cell.reset", reset)
    return (GRU if reset == "before" else GRUResetAfter)(input_size, hidden_size, bias)
