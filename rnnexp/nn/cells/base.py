"""A recurrent layer: the time loop and every matrix product; a cell adds the maths of one step."""

import math
from functools import partial
from itertools import combinations
from types import ModuleType
from typing import Annotated

import numpy as np

from rnnexp.compute import backend, engine
from rnnexp.compute.ops import sum_rows
from rnnexp.compute.parameters import Workspace
from rnnexp.compute.threads import in_parallel, run_all, shares
from rnnexp.nn.inputs import DenseInputs, TokenInputs
from rnnexp.nn.layers import Layer
from rnnexp.nn.loops import cuda
from rnnexp.options import Option

# Numbers of each gate whose slopes are computed at a time, so that they stay in a core's cache.
PART = 32_000
# OpenBLAS takes products of up to 100^3 multiplications without rearranging their factors (its
# sgemm_small_matrix_permit), fastest on columns in multiples of two AVX-512 registers; of these widths the
# one that wastes least is taken.
SMALL_PRODUCT, TILES = 1_000_000, (64, 32)
# Multiplications with U in a step below which one thread takes all streams through the time loop, and
# streams of a thread at least. Threads wait for Python's lock between the NumPy calls; compiled loops do
# not, but a thread has to be woken.
WORTH_SHARING, WORTH_SHARING_COMPILED, LEAST_STREAMS = 5_000_000, 500_000, 8


Bias = Annotated[bool, Option("whether the gates have biases")]


class Cell(Layer):
    """One recurrent layer over a window of T steps, B streams wide.

    A cell names its gates with one letter each and says everything else in those letters:

    gates : all of them, such as "ifog".
    input_gates : those that the input feeds, `x @ W + b`; a leading part of `gates`.
    products : the recurrent products of a step. Each is named by the adjacent gates it feeds, and says
        what is multiplied: {"rz": "h_prev"} is h_prev @ U_rz, for both gates at once.
    states : what goes from step to step; the first is the layer's output h.
    saved : what else a step keeps for its backward pass.
    slopes : what else `local_gradients` computes besides a slope for every gate.

    `clip_through_time` is the limit of every number of the gradient that goes from step to step (Graves 2013,
    "Generating sequences with recurrent neural networks", limits gradients on their way); None: no limit.

    Parameters: W (input gates, D, H), U_<product> (gates of it, H, H), and unless bias=False b (gates, H).
    First values: W normal with standard deviation 1 / sqrt(D), U with 1 / sqrt(H), b zero ("Deep Learning
    from Scratch 2").

    A cell defines `step`, `local_gradients` and `step_backward`; the loop over time, the product with the input
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
    clip_through_time: float | None = None

    def __init__(self, input_size: int, hidden_size: int, bias: Bias = True):
        self.hidden_size, self.bias = hidden_size, bias
        self.runs = runs(self.gates)
        self.shapes = {
            "W": (len(self.input_gates), input_size, hidden_size),
            **{f"U_{run}": (len(run), hidden_size, hidden_size) for run in self.products},
        }
        if bias:
            self.shapes["b"] = len(self.gates), hidden_size

    def bind(self, values, grads):
        if not self.bias:  # zeros that nobody trains
            b = backend.of(values["W"]).zeros((len(self.gates), self.hidden_size), values["W"].dtype)
            values, grads = values | {"b": b}, grads | {"b": b.copy()}
        super().bind(values, grads)

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

    def local_gradients(self, s, d):
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
        shape, b = (batch_size, self.hidden_size), self.p["b"]
        return tuple(backend.of(b).zeros(shape, b.dtype) for _ in self.states)

    def forward(self, x: DenseInputs | TokenInputs, state: tuple, workspace: Workspace, mask=None):
        """Run over a window.

        Parameters
        ----------
        x : the inputs of all steps.
        state : the state before the first step, arrays (B, H).
        mask : (T, B, H), by which what the recurrent products multiply is multiplied first (dropout in the
            time direction); None: it is not.

        Returns
        -------
        h (T, B, H), and the state after the last step: arrays of the workspace.
        """
        T, B = x.window
        w = workspace.get_or_create(
            "window", (T, B), lambda: Window(self, T, B, workspace, self.states, self.saved)
        )
        workspace["x"], workspace["window"], workspace["mask"] = x, w, mask
        fed = len(self.input_gates)
        x.project(self.p["W"], self.p["b"][:fed], w.gates[:fed], workspace)
        w.gates[fed:] = self.p["b"][fed:, None, None]
        for name, array in zip(self.states, state):
            w.states[name][0] = array
        self.run_forward(w, workspace)
        return w.states["h"][1:], tuple(w.states[name][-1] for name in self.states)

    def backward(self, dh, dstate: tuple, workspace: Workspace):
        """Backpropagation through the window that `workspace` recorded; sets the gradients of the weights.

        Parameters
        ----------
        dh : (T, B, H), gradient of the outputs.
        dstate : gradient of the state after the last step, arrays (B, H).

        Returns
        -------
        the gradient of the inputs, in the form of `x`, and that of the state before the first step.
        """
        w = workspace["window"]
        _, T, B, _ = w.gates.shape
        dw = workspace.get_or_create("slopes", (T, B), lambda: Window(self, T, B, workspace, (), self.slopes))
        dstate = tuple(array.copy() for array in dstate)
        self.run_backward(w, dw, dh, dstate, workspace)
        return self.weight_gradients(workspace["x"], w, dw, workspace), dstate

    def run_forward(self, w: "Window", workspace: Workspace) -> None:
        """The steps, one after the other; each thread takes its share of the streams."""
        parts, mask = self.shares(w.gates.shape[2]), workspace["mask"]
        if kernels := engine.custom_kernels(w.gates):
            cuda.forward(self, w, workspace, kernels)
            return
        loops = self.loops() if mask is None else None
        weights = self.weights(parts, workspace.child("forward"), loops)

        def loop(streams: slice) -> None:
            if loops:
                loops.forward(w, weights[length(streams)], streams.start, streams.stop)
                return
            recur = Recurrence(weights[length(streams)], streams, mask)
            for recur.t, s in enumerate(w.steps(streams)):
                self.step(s, recur)

        in_parallel(loop, parts)

    def run_backward(self, w: "Window", dw: "Window", dh, dstate: tuple, workspace: Workspace) -> None:
        """The steps in reverse; leaves the gradient of all preactivations in `dw`, changes `dstate`."""
        _, T, B, H = w.gates.shape
        parts, mask, limit = self.shares(B), workspace["mask"], self.clip_through_time
        if kernels := engine.custom_kernels(w.gates):
            cuda.backward(self, w, dw, dh, dstate, workspace, kernels)
            return
        loops = self.loops() if mask is None and limit is None else None
        weights = self.weights(parts, workspace.child("backward"), loops, transposed=True)

        def loop(streams: slice) -> None:
            if loops:
                loops.backward(w, dw, weights[length(streams)], dh, dstate, streams.start, streams.stop)
                return
            several = max(1, PART // (B * H))
            for t in range(0, T, several):
                some = slice(t, t + several)
                self.local_gradients(w.at(some, streams), dw.at(some, streams))
            recur = Recurrence(weights[length(streams)], streams, mask)
            dnext = [array[streams] for array in dstate]
            steps, dsteps = w.steps(streams), dw.steps(streams)
            for recur.t in reversed(range(T)):
                dnext[0] += dh[recur.t, streams]
                self.step_backward(steps[recur.t], dsteps[recur.t], recur, *dnext)
                if limit is not None:
                    for array in dnext:
                        np.clip(array, -limit, limit, out=array)

        in_parallel(loop, parts)

    def weight_gradients(self, x: DenseInputs | TokenInputs, w: "Window", dw: "Window", workspace: Workspace):
        """Set the gradients of W, U and b from those of all preactivations; returns the inputs'."""
        G, T, B, H = dw.gates.shape
        da = dw.gates.reshape(G, T * B, H)
        jobs, dx = x.gradients(da[: len(self.input_gates)], self.p["W"], self.g["W"], workspace)
        for run, name in self.products.items():
            v = w.at(slice(None), slice(None))[name]
            v = (v if workspace["mask"] is None else v * workspace["mask"]).reshape(T * B, H)
            first = self.gates.index(run)
            jobs += engine.products_of_each(v.T, da[first : first + len(run)], self.g[f"U_{run}"])
        jobs.append(partial(sum_rows, da, out=self.g["b"]))
        run_all(jobs)
        return dx

    def shares(self, B: int) -> list[slice]:
        """The streams that each thread takes through the time loop: within a window they do not meet."""
        least = WORTH_SHARING_COMPILED if self.loops() else WORTH_SHARING
        is_cheaper = B * self.hidden_size**2 * len(self.gates) > least
        return shares(B, LEAST_STREAMS) if is_cheaper else [slice(0, B)]

    def weights(
        self, parts: list[slice], workspace: Workspace, loops: ModuleType | None, transposed: bool = False
    ) -> dict[int, dict]:
        """The recurrent weights in the form that multiplies fastest: part's length -> product -> weights."""
        gemm = engine.gemm(self.p["b"].dtype)
        form = gemm.packed if gemm and loops else tiled
        U = {run: self.p[f"U_{run}"] for run in self.products}
        if transposed:
            # a product with a transposed view is slower by more than the copy costs that `form` makes
            U = {run: array.swapaxes(1, 2) for run, array in U.items()}
        return {
            streams: {
                run: form(array, streams, workspace.child(f"{run}{streams}")) for run, array in U.items()
            }
            for streams in {length(part) for part in parts}
        }

    def loops(self) -> ModuleType | None:
        """The compiled loops, where the engine in use has some of this cell."""
        if not engine.compiles():
            return None
        from rnnexp.nn.loops.jit import LOOPS  # here, for it imports numba

        return LOOPS.get(type(self))


def length(part: slice) -> int:
    return part.stop - part.start


def runs(gates: str) -> dict:
    """Every run of adjacent gates, and its place: "z" a number, "rz" a slice."""
    spans = combinations(range(len(gates) + 1), 2)
    return {gates[i:j]: (i if j == i + 1 else slice(i, j)) for i, j in spans}


class Window:
    """Arrays of a window, all steps together, and dictionaries of views into them.

    What a layer computes, or (without states) the derivatives laid out like it.
    """

    def __init__(
        self,
        cell: Cell,
        T: int,
        B: int,
        workspace: Workspace,
        states: tuple[str, ...],
        saved: tuple[str, ...],
    ):
        H, empty, dtype = cell.hidden_size, workspace.backend.empty, workspace.dtype
        self.runs = cell.runs
        self.gates = empty((len(cell.gates), T, B, H), dtype)
        self.states = {name: empty((T + 1, B, H), dtype) for name in states}
        self.saved = {name: empty((T, B, H), dtype) for name in saved}
        self.kept: dict = {}

    def at(self, t: int | slice, streams: slice) -> dict:
        """Views of some steps and streams."""
        views = {run: self.gates[place, t, streams] for run, place in self.runs.items()}
        for name, array in self.states.items():
            views[name], views[f"{name}_prev"] = array[1:][t, streams], array[:-1][t, streams]
        return views | {name: array[t, streams] for name, array in self.saved.items()}

    def steps(self, streams: slice) -> list[dict]:
        """Views of each step; made once, for making them takes as long as a small step's maths."""
        key = streams.start, streams.stop
        if key not in self.kept:
            self.kept[key] = [self.at(t, streams) for t in range(self.gates.shape[1])]
        return self.kept[key]


def tiled(U, streams: int, workspace: Workspace):
    """Recurrent weights U (G, K, H) as (G, tiles, K, columns): contiguous tiles, the last filled with zeros,
    for products v @ U[g] with v (streams, K).

    OpenBLAS rearranges U at every product, which takes longer than multiplying by it where there are few
    streams, unless the product is small: so U is cut once a window into tiles that are narrow enough.
    (4 gates of 650, 2 threads of 10 streams each: 0.40 ms instead of 0.71.) On a GPU U stays as it is.
    """
    if not isinstance(U, np.ndarray):
        return U
    G, K, H = U.shape
    narrow = [width for width in TILES if streams * K * width <= SMALL_PRODUCT] or TILES[-1:]
    columns = H if streams * K * H <= SMALL_PRODUCT else min(narrow, key=lambda width: -H % width)
    whole, left = divmod(H, columns)
    tiles = workspace.array("tiles", (G, whole + (left > 0), K, columns))
    tiles[:, :whole] = U[:, :, : H - left].reshape(G, K, whole, columns).swapaxes(1, 2)
    if left:
        tiles[:, whole, :, :left] = U[:, :, H - left :]
        tiles[:, whole, :, left:] = 0
    return tiles


class Recurrence:
    """The recurrent products of the steps of some streams, with weights from `tiled`.

    mask : (T, B, H) or None, see `Cell.forward`; `t` is the step that the products belong to.
    """

    def __init__(self, weights: dict, streams: slice, mask=None):
        self.weights, self.out, self.result = weights, {}, {}
        self.mask = None if mask is None else mask[:, streams]
        self.t = 0
        B = length(streams)
        for run, tiles in weights.items():
            if tiles.ndim == 3:  # on a GPU
                G, _, H = tiles.shape
                self.out[run] = backend.of(tiles).empty((G, B, H), tiles.dtype)
                self.result[run] = self.out[run] if G > 1 else self.out[run][0]
                continue
            G, number, H, columns = tiles.shape
            out = np.empty((G, B, number, columns), tiles.dtype)
            result = out.reshape(G, B, -1)[:, :, :H]
            self.out[run], self.result[run] = out.swapaxes(1, 2), result if G > 1 else result[0]

    def __call__(self, run: str, v):
        """v @ U_run of v (B, H): (B, H), or (gates, B, H) where `run` has several."""
        return self.multiply(run, v if self.mask is None else v * self.mask[self.t])

    def back(self, run: str, d):
        """The sum over the gates of d @ U_run.T (B, H), where the weights are those."""
        out = self.multiply(run, d)
        total = out if out.ndim == 2 else out.sum(axis=0)
        return total if self.mask is None else total * self.mask[self.t]

    def multiply(self, run: str, v):
        weights, out = self.weights[run], self.out[run]
        if weights.ndim == 3:
            engine.matmul(v, weights, out)
        else:
            np.matmul(v[:, None] if v.ndim == 3 else v, weights, out=out)
        return self.result[run]
