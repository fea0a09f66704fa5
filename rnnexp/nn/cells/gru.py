"""Compute a step of the gated recurrent unit, with the reset gate before or after the recurrent product."""

from typing import Annotated

import numpy as np

from rnnexp.nn.activations import interpolate, sigmoid, sigmoid_gradient, tanh_gradient
from rnnexp.nn.cells.base import Bias, Cell
from rnnexp.options import Option, one_of

RESET = one_of("before", "after")


class GRU(Cell):
    """Compute the GRU whose reset gate comes before the recurrent product: gates r, z, candidate n, state (h,).

        r, z = sigmoid(x W + h U_rz + b)
        n = tanh(x W + (r * h) U_n + b)
        h' = z * h + (1 - z) * n

    Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", equations 5 to 8.
    (Where a text writes h' = (1 - z) * h + z * n, its z is our 1 - z.)
    """

    gates = input_gates = "rzn"
    recurrent_matmuls = {"rz": "h_prev", "n": "reset_h"}
    saved = ("reset_h",)

    def step(self, arrays, recurrent):
        arrays["rz"] += recurrent("rz", arrays["h_prev"])
        sigmoid(arrays["rz"], out=arrays["rz"])
        np.multiply(arrays["r"], arrays["h_prev"], out=arrays["reset_h"])
        arrays["n"] += recurrent("n", arrays["reset_h"])
        np.tanh(arrays["n"], out=arrays["n"])
        interpolate(arrays["z"], arrays["h_prev"], arrays["n"], out=arrays["h"])

    def local_gradients(self, arrays, grads):
        sigmoid_gradient(arrays["rz"], out=grads["rz"])
        grads["r"] *= arrays["h_prev"]
        local_gradients_of_interpolation(arrays, grads)

    def step_backward(self, arrays, grads, recurrent, dh):
        grads["zn"] *= dh
        dh *= arrays["z"]
        d_reset_h = recurrent.back("n", grads["n"])
        grads["r"] *= d_reset_h
        dh += d_reset_h * arrays["r"]
        dh += recurrent.back("rz", grads["rz"])


class GRUResetAfter(Cell):
    """Compute the GRU whose reset gate comes after the product: n, r, z and the candidate's recurrent part m.

        r, z = sigmoid(x W + h U + b)      m = h U + b
        n = tanh(x W + b + r * m)
        h' = z * h + (1 - z) * n

    This is the form of cuDNN, PyTorch and Keras (`reset_after`): one recurrent product a step instead of two.
    The input feeds n, r, z and the state feeds r, z, m, so that both are groups of adjacent gates. The bias of
    m is the "recurrent bias" of those libraries.
    """

    gates, input_gates = "nrzm", "nrz"
    recurrent_matmuls = {"rzm": "h_prev"}

    def step(self, arrays, recurrent):
        arrays["rzm"] += recurrent("rzm", arrays["h_prev"])
        sigmoid(arrays["rz"], out=arrays["rz"])
        arrays["n"] += arrays["r"] * arrays["m"]
        np.tanh(arrays["n"], out=arrays["n"])
        interpolate(arrays["z"], arrays["h_prev"], arrays["n"], out=arrays["h"])

    def local_gradients(self, arrays, grads):
        sigmoid_gradient(arrays["rz"], out=grads["rz"])
        local_gradients_of_interpolation(arrays, grads)
        grads["r"] *= arrays["m"]
        grads["r"] *= grads["n"]
        np.multiply(arrays["r"], grads["n"], out=grads["m"])

    def step_backward(self, arrays, grads, recurrent, dh):
        grads["nrzm"] *= dh
        dh *= arrays["z"]
        dh += recurrent.back("rzm", grads["rzm"])


def local_gradients_of_interpolation(arrays, grads):
    """Set grads["z"] and grads["n"] to the derivatives of h' by the preactivations of z and n.

    grads["z"] holds the derivative of the sigmoid before.
    """
    # not `*=`, for compiled code to multiply these two first: see rnnexp.compute.jit.factors
    np.multiply(arrays["h_prev"] - arrays["n"], grads["z"], out=grads["z"])
    tanh_gradient(arrays["n"], out=grads["n"])
    grads["n"] *= 1 - arrays["z"]


def make(
    input_size: int,
    hidden_size: int,
    reset: Annotated[
        str, Option("the reset gate acts before (Cho et al. 2014) or after (cuDNN) the product", RESET)
    ] = "before",
    bias: Bias = True,
) -> Cell:
    """Make a GRU of either form."""
    RESET.require("cell.reset", reset)
    return (GRU if reset == "before" else GRUResetAfter)(input_size, hidden_size, bias)
