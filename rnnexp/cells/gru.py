"""The gated recurrent unit, with the reset gate before or after the recurrent product."""

import numpy as np

from rnnexp.cells.base import Cell
from rnnexp.errors import UserError
from rnnexp.ops import sigmoid


class GRU(Cell):
    """Gates r, z and candidate n; state (h,). The reset gate comes before the recurrent product.

        r, z = sigmoid(x W + h U_rz + b)
        n = tanh(x W + (r * h) U_n + b)
        h' = z * h + (1 - z) * n

    Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", equations 5 to 8.
    (Where a text writes h' = (1 - z) * h + z * n, its z is our 1 - z.)
    """

    gates = input_gates = "rzn"
    products = "rz", "n"

    def step(self, a, state, recur):
        (h,) = state
        rz, n = a[:, self.columns("rz")], a[:, self.columns("n")]
        rz += recur("rz", h)
        sigmoid(rz, out=rz)
        r, z, n = self.split(a)
        n += recur("n", r * h)
        np.tanh(n, out=n)
        return (n + z * (h - n),), (h,)

    def step_backward(self, a, dstate, saved, recur):
        (dh,), (h,) = dstate, saved
        r, z, n = self.split(a)
        rz, n_columns = a[:, self.columns("rz")], a[:, self.columns("n")]
        da_z = dh * (h - n) * z * (1 - z)
        dh_prev = dh * z
        n_columns[...] = dh * (1 - z) * (1 - n * n)
        d_rh = recur.back("n", n_columns)
        dh_prev += d_rh * r
        np.concatenate((d_rh * h * r * (1 - r), da_z), axis=1, out=rz)
        dh_prev += recur.back("rz", rz)
        return (dh_prev,)


class GRUResetAfter(Cell):
    """Candidate n, gates r, z and the candidate's recurrent part m; the reset gate comes after the product.

        r, z = sigmoid(x W + h U + b)      m = h U + b
        n = tanh(x W + b + r * m)
        h' = z * h + (1 - z) * n

    The form of cuDNN, PyTorch and Keras (`reset_after`): one recurrent product a step instead of two.
    The input feeds n, r, z, the state feeds r, z, m, so that both are runs of adjacent blocks; the
    bias of m is the "recurrent bias" of those libraries.
    """

    gates, input_gates = "nrzm", "nrz"
    products = ("rzm",)

    def step(self, a, state, recur):
        (h,) = state
        rzm, rz = a[:, self.columns("rzm")], a[:, self.columns("rz")]
        rzm += recur("rzm", h)
        sigmoid(rz, out=rz)
        n, r, z, m = self.split(a)
        n += r * m
        np.tanh(n, out=n)
        return (n + z * (h - n),), (h,)

    def step_backward(self, a, dstate, saved, recur):
        (dh,), (h,) = dstate, saved
        n, r, z, m = self.split(a)
        da_n = dh * (1 - z) * (1 - n * n)
        da_r = da_n * m * r * (1 - r)
        da_z = dh * (h - n) * z * (1 - z)
        dh_prev = dh * z
        np.concatenate((da_n, da_r, da_z, da_n * r), axis=1, out=a)
        dh_prev += recur.back("rzm", a[:, self.columns("rzm")])
        return (dh_prev,)


def make(input_size: int, hidden_size: int, reset: str = "before") -> Cell:
    """`reset` is "before" (Cho et al. 2014) or "after" (cuDNN) the recurrent product."""
    variants = {"before": GRU, "after": GRUResetAfter}
    if reset not in variants:
        raise UserError(f"cell.reset={reset} is not known: choose before or after")
    return variants[reset](input_size, hidden_size)
