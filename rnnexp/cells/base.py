"""A recurrent layer: the time loop and every matrix product; a cell adds the maths of one step."""

import math
from itertools import combinations

import numpy as np

from rnnexp.inputs import Symbols, Vectors
from rnnexp.layers import Layer
from rnnexp.params import Tape
from rnnexp.threads import in_parts

# Numbers of each gate that are worked through at a time, so that they stay in a core's cache.
PART = 32_000


class Cell(Layer):
    """One recurrent layer over a window of T steps, B streams wide.

    A cell names its gates with one letter each and says everything else in those letters:

    gates : all of them, such as "ifog".
    input_gates : those that the input feeds, `x @ W + b`; a leading part of `gates`.
    products : the recurrent products of a step. Each is named by the adjacent gates it feeds, and says
        what is multiplied: {"rz": "h_prev"} is h_prev @ U_rz, for both gates at once.
    states : what goes from step to step; the first is the layer's output h.
    saved : what else a step keeps for its backward pass.
    slopes : what else `slopes_of` computes besides a slope for every gate.

    Parameters: W (input gates, D, H), U_<product> (gates of it, H, H), b (gates, H). First values: W
    normal with standard deviation 1 / sqrt(D), U with 1 / sqrt(H), b zero ("Deep Learning from Scratch
    2").

    A cell defines `step`, `slopes_of` and `step_backward`; the loop over time, the product with the input
    (all steps at once, before the loop) and the gradients of the weights (all steps at once, after it)
    are here. States are arguments and results, never kept in the layer.

    The methods of a cell find their arrays in dictionaries, (B, H) each, or (T, B, H) where several steps
    are meant: every gate under its letter, every run of adjacent gates under theirs ("rz", as one array
    (2, B, H)), every state under its name, as "h_prev" the one before the step, and what is saved.
    """

    gates: str
    input_gates: str
    products: dict[str, str]
    states: tuple[str, ...] = ("h",)
    saved: tuple[str, ...] = ()
    slopes: tuple[str, ...] = ()

    def __init__(self, input_size: int, hidden_size: int):
        self.hidden_size = hidden_size
        self.shapes = {
            "W": (len(self.input_gates), input_size, hidden_size),
            **{f"U_{run}": (len(run), hidden_size, hidden_size) for run in self.products},
            "b": (len(self.gates), hidden_size),
        }

    def init(self, rng):
        for name, shape in self.shapes.items():
            if name == "b":
                self.p[name].fill(0)
            else:
                gates, rows, columns = shape
                values = rng.normal(0, 1 / math.sqrt(rows), (rows, gates, columns))
                self.p[name][...] = values.swapaxes(0, 1)

    def step(self, s, recur):
        """One step forward.

        Parameters
        ----------
        s : the step's arrays. The gates hold the input's part of the preactivations and are left holding
            the activated gates; the next states and what is `saved` are to be filled in.
        recur : `recur("rz", v)` is the recurrent product v @ U_rz.
        """
        raise NotImplementedError

    def slopes_of(self, s, d):
        """The part of the backward pass that needs no gradient from above, for many steps at once.

        Fills `d`, which has an entry for every gate and all `slopes`, with the local derivatives by which
        `step_backward` is then a few multiplications.
        """
        raise NotImplementedError

    def step_backward(self, s, d, recur, *dstate):
        """One step backward.

        Parameters
        ----------
        s : the step's arrays as `step` left them.
        d : the step's slopes; the gates are left holding the gradient of the preactivations.
        recur : `recur.back("rz", d["rz"])` is d["rz"] @ U_rz.T, summed over the gates of the product.
        dstate : gradients (B, H) of the states after the step, overwritten by those before it.
        """
        raise NotImplementedError

    def zero_state(self, batch_size: int) -> tuple:
        shape = batch_size, self.hidden_size
        return tuple(np.zeros(shape, self.p["b"].dtype) for _ in self.states)

    def forward(self, x: Vectors | Symbols, state: tuple, tape: Tape):
        """Run over a window.

        Parameters
        ----------
        x : the inputs of all steps.
        state : the state before the first step, arrays (B, H).

        Returns
        -------
        h (T, B, H), and the state after the last step: arrays of the tape.
        """
        T, B = x.window
        tape["x"] = x
        w = tape["window"] = tape.keep("window", (T, B), lambda: Window(self, T, B, tape.dtype))
        fed = len(self.input_gates)
        x.project(self.p["W"], self.p["b"][:fed], w.gates[:fed], tape)
        w.gates[fed:] = self.p["b"][fed:, None, None]
        for name, array in zip(self.states, state):
            w.states[name][0] = array
        recur = RecurrentProducts(self, B, tape)
        for s in w.steps:
            self.step(s, recur)
        return w.states["h"][1:], tuple(w.states[name][-1] for name in self.states)

    def backward(self, dh, dstate: tuple, tape: Tape):
        """Backpropagation through the window that `tape` recorded; sets the gradients of the weights.

        Parameters
        ----------
        dh : (T, B, H), gradient of the outputs.
        dstate : gradient of the state after the last step, arrays (B, H).

        Returns
        -------
        the gradient of the inputs, in the form of `x`, and that of the state before the first step.
        """
        x, w = tape["x"], tape["window"]
        T, B = x.window
        dw = tape.keep("slopes", (T, B), lambda: Slopes(self, T, B, tape.dtype))
        in_parts(lambda part: self.slopes_of(w.at(part), dw.at(part)), T, max(1, PART // (B * self.hidden_size)))
        recur = RecurrentProducts(self, B, tape)
        recur.transpose(tape)
        dh_next, *dothers = (array.copy() for array in dstate)
        for t in reversed(range(T)):
            dh_next += dh[t]
            self.step_backward(w.steps[t], dw.steps[t], recur, dh_next, *dothers)

        flat = dw.gates.reshape(len(self.gates), T * B, self.hidden_size)
        np.sum(flat, axis=1, out=self.g["b"])
        for run, name in self.products.items():
            v = w.at(slice(None))[name].reshape(T * B, -1)
            start = self.gates.index(run)
            np.matmul(v.T, flat[start : start + len(run)], out=self.g[f"U_{run}"])
        dx = x.backward(flat[: len(self.input_gates)], self.p["W"], self.g["W"], tape)
        return dx, (dh_next, *dothers)


def runs(gates: str) -> dict:
    """Every run of adjacent gates, and its place: "z" a number, "rz" a slice."""
    spans = combinations(range(len(gates) + 1), 2)
    return {gates[i:j]: (i if j == i + 1 else slice(i, j)) for i, j in spans}


class Window:
    """What a layer computes in a window, all steps together, and dictionaries of views for each step."""

    def __init__(self, cell: Cell, T: int, B: int, dtype):
        H = cell.hidden_size
        self.runs = runs(cell.gates)
        self.gates = np.empty((len(cell.gates), T, B, H), dtype)
        self.states = {name: np.empty((T + 1, B, H), dtype) for name in cell.states}
        self.saved = {name: np.empty((T, B, H), dtype) for name in cell.saved}
        self.steps = [self.at(t) for t in range(T)]

    def at(self, t: int | slice) -> dict:
        views = {run: self.gates[place, t] for run, place in self.runs.items()}
        for name, array in self.states.items():
            views[name], views[f"{name}_prev"] = array[1:][t], array[:-1][t]
        return views | {name: array[t] for name, array in self.saved.items()}


class Slopes(Window):
    """The derivatives of a window's steps, laid out like what they belong to."""

    def __init__(self, cell: Cell, T: int, B: int, dtype):
        self.runs = runs(cell.gates)
        self.gates = np.empty((len(cell.gates), T, B, cell.hidden_size), dtype)
        self.states = {}
        self.saved = {name: np.empty((T, B, cell.hidden_size), dtype) for name in cell.slopes}
        self.steps = [self.at(t) for t in range(T)]


class RecurrentProducts:
    """The products of a step with the recurrent weights, gate by gate: faster than all gates at once."""

    def __init__(self, cell: Cell, B: int, tape: Tape):
        shape = B, cell.hidden_size
        self.weights, self.out = {}, {}
        for run in cell.products:
            U = cell.p[f"U_{run}"]
            self.weights[run] = U if len(run) > 1 else U[0]
            self.out[run] = tape.array(f"U_{run}", (len(run), *shape) if len(run) > 1 else shape)

    def __call__(self, run, v):
        return np.matmul(v, self.weights[run], out=self.out[run])

    def transpose(self, tape: Tape):
        # contiguous copies of U.T, once a window: the product with a transposed view is slower by more
        # than the copy costs
        self.transposed = {}
        for run, U in self.weights.items():
            self.transposed[run] = tape.array(f"U_{run}.T", U.shape)
            self.transposed[run][...] = U.swapaxes(-1, -2)

    def back(self, run, d):
        out = np.matmul(d, self.transposed[run], out=self.out[run])
        return out.sum(axis=0) if len(run) > 1 else out
