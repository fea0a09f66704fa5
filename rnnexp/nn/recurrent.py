"""Take a cell over a window: multiply the inputs, loop over time, and compute the gradients of the weights."""

from functools import partial

from rnnexp.compute.threads import run_all
from rnnexp.compute.workspace import Workspace
from rnnexp.nn import loops
from rnnexp.nn.cells.base import Cell
from rnnexp.nn.inputs import DenseInputs, TokenInputs
from rnnexp.nn.layers import Layer
from rnnexp.nn.window import Window


class RecurrentLayer(Layer):
    """Take a cell over windows of T steps and B rows; states are arguments and results, never kept.

    Parameters
    ----------
    clip_through_time : the limit of every number of the gradient that goes from step to step (Graves 2013,
        "Generating sequences with recurrent neural networks", clips gradients there); None: no limit.
    """

    def __init__(self, cell: Cell, clip_through_time: float | None = None):
        self.cell, self.clip_through_time = cell, clip_through_time
        self.hidden_size, self.shapes = cell.hidden_size, cell.shapes

    def bind(self, values, grads, backend):
        if not self.cell.bias:  # zeros that nobody trains
            b = backend.zeros((len(self.cell.gates), self.hidden_size), values["W"].dtype)
            values, grads = values | {"b": b}, grads | {"b": b.copy()}
        super().bind(values, grads, backend)

    def init(self, rng):
        self.cell.init(self.p, rng)

    def zero_state(self, batch_size: int) -> tuple:
        """Return the state before any input: zeros (B, H) for each of the cell's."""
        shape = batch_size, self.hidden_size
        return tuple(self.backend.zeros(shape, self.p["b"].dtype) for _ in self.cell.states)

    def recurrent_part(self, arrays: dict) -> dict:
        """Return of named parameters or gradients those of the recurrent products, by the gates these feed."""
        return {group: arrays[f"U_{group}"] for group in self.cell.recurrent_matmuls}

    def forward(
        self,
        x: DenseInputs | TokenInputs,
        state: tuple,
        workspace: Workspace,
        mask=None,
        U: dict | None = None,
    ):
        """Run the cell over a window.

        Parameters
        ----------
        x : the inputs of all steps.
        state : the state before the first step, arrays (B, H).
        mask : (T, B, H), multiplied with the factor of each recurrent product (dropout in the time direction);
            None: no mask.
        U : the weights of the recurrent products, by their gates, such as dropped ones; `backward` sets the gradients
            of the parameters to theirs. None: the parameters.

        Returns
        -------
        h (T, B, H), and the state after the last step: arrays of the workspace.
        """
        cell, shape = self.cell, x.window
        w = workspace.get_or_create(
            "window", shape, lambda: Window(cell, shape, workspace.child("window"), cell.states, cell.saved)
        )
        w.U = self.recurrent_part(self.p) if U is None else U
        w.take({name: self.p[name] for name in cell.diagonals})
        workspace["x"], workspace["window"], workspace["mask"] = x, w, mask
        fed = len(cell.input_gates)
        x.project(self.p["W"], self.p["b"][:fed], w.gates[:fed], workspace)
        w.gates[fed:] = self.p["b"][fed:, None, None]
        for name, array in zip(cell.states, state):
            w.states[name][0] = array
        loops.forward(self, w, mask, workspace)
        return w.states["h"][1:], tuple(w.states[name][-1] for name in cell.states)

    def backward(self, dh, dstate: tuple, workspace: Workspace):
        """Backpropagate through the window that `workspace` holds, and set the gradients of the weights.

        Parameters
        ----------
        dh : (T, B, H), gradient of the outputs.
        dstate : gradient of the state after the last step, arrays (B, H).

        Returns
        -------
        the gradient of the inputs, in the form of `x`, and that of the state before the first step.
        """
        cell, w, mask = self.cell, workspace["window"], workspace["mask"]
        shape = w.gates.shape[1:3]
        dw = workspace.get_or_create(
            "gradients",
            shape,
            lambda: Window(cell, shape, workspace.child("gradients"), (), cell.more_gradients),
        )
        dstate = tuple(array.copy() for array in dstate)
        loops.backward(self, w, dw, dh, dstate, mask, workspace)
        return self.weight_gradients(workspace["x"], w, dw, mask, workspace), dstate

    def weight_gradients(
        self, x: DenseInputs | TokenInputs, w: Window, dw: Window, mask, workspace: Workspace
    ):
        """Set the gradients of W, U, b and diagonals from those of all preactivations; return that of the inputs."""
        cell, (G, T, B, H) = self.cell, dw.gates.shape
        da = dw.gates.reshape(G, T * B, H)
        jobs, dx = x.gradients(da[: len(cell.input_gates)], self.p["W"], self.g["W"], workspace)
        arrays = w.at(slice(None), slice(None))
        for group, name in cell.recurrent_matmuls.items():
            v = arrays[name] if mask is None else arrays[name] * mask
            first = cell.gates.index(group)
            some = da[first : first + len(group)]
            jobs += self.backend.stacked_matmul_jobs(v.reshape(T * B, H).T, some, self.g[f"U_{group}"])
        for name, multiplied in cell.diagonals.items():
            d = dw.gates[cell.gates.index(name.removeprefix("v_"))] * arrays[multiplied]
            jobs.append(partial(self.backend.sum_rows, d.reshape(T * B, H), self.g[name]))
        jobs.append(partial(self.backend.sum_rows, da, self.g["b"]))
        run_all(jobs)
        return dx
