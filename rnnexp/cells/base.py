"""A recurrent layer: the time loop and every matrix product; a cell adds the maths of one step."""

import math

import numpy as np

from rnnexp.layers import Layer
from rnnexp.params import Tape


class Cell(Layer):
    """One recurrent layer over a window of T steps, B streams wide.

    A cell names its gates with one letter each. They are the blocks of H columns of the preactivation
    `a` (B, G H), in that order, and everything else is said in those letters:

    gates : all blocks, such as "ifog".
    input_gates : the blocks that the input feeds, `x @ W + b`; a leading part of `gates`.
    products : the recurrent products of a step, each named by the adjacent blocks it feeds; the
        product "rz" has the weights U_rz (H, 2H).
    states : names of the arrays (B, H) that go from step to step; the first is the layer's output h.

    Parameters W (D, input_gates x H), one U_<product> each, and b (G H). First values: W normal with
    standard deviation 1 / sqrt(D), U with 1 / sqrt(H), b zero ("Deep Learning from Scratch 2").

    A cell defines `step` and `step_backward`; the loop over time, the product with the input (all
    steps at once, before the loop) and the gradients of the weights (all steps at once, after it) are
    here. States are arguments and results, never kept in the layer.
    """

    gates: str
    input_gates: str
    products: tuple[str, ...]
    states: tuple[str, ...] = ("h",)

    def __init__(self, input_size: int, hidden_size: int):
        self.hidden_size = hidden_size
        self.shapes = {
            "W": (input_size, len(self.input_gates) * hidden_size),
            **{f"U_{name}": (hidden_size, len(name) * hidden_size) for name in self.products},
            "b": (len(self.gates) * hidden_size,),
        }

    def init(self, rng):
        for name, shape in self.shapes.items():
            self.p[name][...] = 0 if name == "b" else rng.normal(0, 1 / math.sqrt(shape[0]), shape)

    def step(self, a, state, recur):
        """One step forward.

        Parameters
        ----------
        a : (B, G H), the input's part of the preactivations; left holding the activated gates.
        state : arrays (B, H), one a name of `states`.
        recur : `recur(name, v)` is the recurrent product v @ U_name.

        Returns
        -------
        the next state, and a tuple of whatever `step_backward` needs besides the gates.
        """
        raise NotImplementedError

    def step_backward(self, a, dstate, saved, recur):
        """One step backward.

        Parameters
        ----------
        a : (B, G H), the gates as `step` left them; left holding the gradient of the preactivations.
        dstate : gradients of the state that `step` returned.
        saved : the tuple that `step` returned.
        recur : `recur.back(name, d)` is d @ U_name.T, for the gradient d of the product `name`, which
            must also be what stands in the blocks `name` of `a` at the end.

        Returns
        -------
        gradients of the state that `step` was given.
        """
        raise NotImplementedError

    def columns(self, gates: str) -> slice:
        """The columns of `a` that a run of adjacent gates takes."""
        start = self.gates.index(gates) * self.hidden_size
        return slice(start, start + len(gates) * self.hidden_size)

    def split(self, a):
        """Views (B, H) of `a`, one a gate."""
        return a.reshape(len(a), len(self.gates), self.hidden_size).swapaxes(0, 1)

    def zero_state(self, batch_size: int) -> tuple:
        shape = batch_size, self.hidden_size
        return tuple(np.zeros(shape, self.p["b"].dtype) for _ in self.states)

    def forward(self, x, state: tuple, tape: Tape):
        """Run over a window.

        Parameters
        ----------
        x : (T, B, D).
        state : the state before the first step, arrays (B, H).

        Returns
        -------
        h (T, B, H), and the state after the last step.
        """
        T, B, D = x.shape
        fed = self.columns(self.input_gates)
        tape["x"] = x
        a = tape.array("a", (T, B, len(self.gates) * self.hidden_size))
        flat = a.reshape(T * B, -1)
        np.matmul(x.reshape(T * B, D), self.p["W"], out=flat[:, fed])
        flat[:, fed] += self.p["b"][fed]
        flat[:, fed.stop :] = self.p["b"][fed.stop :]

        h = tape.array("h", (T, B, self.hidden_size))
        recur = RecurrentProducts(self, T, B, tape)
        tape["saved"] = []
        for t in range(T):
            recur.t = t
            state, saved = self.step(a[t], state, recur)
            h[t] = state[0]
            tape["saved"].append(saved)
        return h, state

    def backward(self, dh, dstate: tuple, tape: Tape):
        """Backpropagation through the window that `tape` recorded; sets the gradients of the weights.

        Parameters
        ----------
        dh : (T, B, H), gradient of the outputs.
        dstate : gradient of the state after the last step, arrays (B, H).

        Returns
        -------
        dx (T, B, D), and the gradient of the state before the first step.
        """
        x, a = tape["x"], tape["a"]
        T, B, D = x.shape
        recur = RecurrentProducts(self, T, B, tape)
        recur.transpose()
        for t in reversed(range(T)):
            dstate = dstate[0] + dh[t], *dstate[1:]
            dstate = self.step_backward(a[t], dstate, tape["saved"][t], recur)

        da = a.reshape(T * B, -1)
        fed = da[:, self.columns(self.input_gates)]
        np.matmul(x.reshape(T * B, D).T, fed, out=self.g["W"])
        np.sum(da, axis=0, out=self.g["b"])
        for name in self.products:
            inputs = recur.inputs[name].reshape(T * B, -1)
            np.matmul(inputs.T, da[:, self.columns(name)], out=self.g[f"U_{name}"])
        dx = np.matmul(fed, self.p["W"].T, out=tape.array("dx", (T * B, D)))
        return dx.reshape(T, B, D), dstate


class RecurrentProducts:
    """The products of a window's steps with the recurrent weights, and the inputs they had."""

    def __init__(self, cell: Cell, T: int, B: int, tape: Tape):
        self.t = 0
        self.weights = {name: cell.p[f"U_{name}"] for name in cell.products}
        self.inputs = {name: tape.array(f"into U_{name}", (T, B, cell.hidden_size)) for name in cell.products}

    def __call__(self, name, v):
        self.inputs[name][self.t] = v  # for the gradient of U_name, one product over all steps
        return v @ self.weights[name]

    def transpose(self):
        # a contiguous copy of U.T, once a window: the product with a transposed view is slower by more
        # than the copy costs (13 ms of a step of 380 with H = 650, T = 35)
        self.transposed = {name: np.ascontiguousarray(U.T) for name, U in self.weights.items()}

    def back(self, name, d):
        return d @ self.transposed[name]
