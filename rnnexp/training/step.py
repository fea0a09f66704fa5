"""Take training steps: a window forward and back, then an update.

On a GPU a step is only asked for. Its results are read later, for many steps at once, so that the GPU never waits.
"""

from collections.abc import Callable

import numpy as np

from rnnexp.compute.workspace import Workspace
from rnnexp.data.device import CapturedWindow
from rnnexp.nn.model import Model, arrays_of, copy_state
from rnnexp.optim.base import Optimizer


class TrainStep:
    """Take steps and keep the recurrent state between them.

    Parameters
    ----------
    seed : the seed of the dropout masks.
    batch_size : rows of a window.
    state : the recurrent state before the first step, per layer its NumPy arrays (B, H); None: zeros.

    Attributes
    ----------
    sync_every : the number of steps after which to ask for results.
    state : the recurrent state after the last step, per layer arrays (B, H) of the model's backend.
    """

    sync_every = 1

    def __init__(
        self, model: Model, optimizer: Optimizer, seed: int, batch_size: int, state: list[tuple] | None = None
    ):
        self.model, self.optimizer, self.seed = model, optimizer, seed
        self.state = model.zero_state(batch_size)
        if state:
            self.set_state(state)
        self.prepare()

    def prepare(self) -> None:
        """Make the arrays that all steps share."""
        self.workspaces: dict[int, Workspace] = {}  # by the length of the window
        self.pending: list[tuple[float, float]] = []  # results that were not asked for yet

    def workspace(self, steps: int) -> Workspace:
        """Return the workspace of windows of a length, for what is made once for each: of random ones there are many.

        It has the memory of the longest, since one step at a time is alive.
        """
        if steps not in self.workspaces:
            longest = max(self.workspaces, default=0)
            if steps > longest:  # the shorter ones would keep a memory of their own
                lender, self.workspaces = None, {}
            else:
                lender = self.workspaces[longest]
            self.workspaces[steps] = self.model.workspace(lender)
        return self.workspaces[steps]

    def set_state(self, state: list[tuple]) -> None:
        """Set the recurrent state to NumPy arrays, per layer (B, H)."""
        to_device = self.model.backend.to_device
        copy_state(self.state, [tuple(map(to_device, layer)) for layer in state])

    def reset_state(self) -> None:
        """Set the recurrent state to zeros, as where a text begins."""
        for array in arrays_of(self.state):
            array.fill(0)

    def run(self, inputs, targets, number: int, lr: float, grad_scale: float) -> None:
        """Take step `number`, whose dropout masks depend on it, on tokens (T, B); see `Model.forward` for the rest."""
        key, workspace = (self.seed, number), self.workspace(len(inputs))
        nats, self.state = self.model.forward(inputs, targets, self.state, workspace, key, grad_scale)
        self.model.backward(workspace)  # gradients stop at the window's first step: truncated BPTT
        self.pending.append((nats, self.optimizer.update(self.model.params, lr)))

    def results(self) -> list[tuple[float, float]]:
        """Return the summed loss in nats and the gradient's norm of each step since this was last called."""
        results, self.pending = self.pending, []
        return results


class GpuTrainStep(TrainStep):
    """Take steps on a GPU, where all that a step reads and writes has a fixed place."""

    sync_every = 32

    def prepare(self) -> None:
        device = self.model.backend
        self.workspaces = {}
        self.number, self.lr = device.empty(1, np.uint64), device.empty(1, np.float64)
        self.result = device.empty(2, np.float64)  # of the last step
        self.log = device.empty((self.sync_every, 2), np.float64)  # of the pending steps
        self.num_pending = 0
        self.captured: dict[tuple, CapturedWindow] = {}  # by the shape of the window

    def run(self, inputs, targets, number, lr, grad_scale):
        shape = inputs.shape
        if shape not in self.captured:
            self.captured[shape] = CapturedWindow(
                self.step_on_fixed_places(grad_scale, shape[0]), shape, self.model.backend
            )
        self.number.fill(number)
        self.lr.fill(lr)
        self.captured[shape].read(inputs, targets)
        self.log[self.num_pending] = self.result
        self.num_pending += 1

    def step_on_fixed_places(self, grad_scale: float, steps: int) -> Callable:
        """Return a function that takes a step on windows of one length."""
        workspace = self.workspace(steps)
        key = self.seed, self.number

        def step(inputs, targets) -> None:
            self.result[0], after = self.model.forward(
                inputs, targets, self.state, workspace, key, grad_scale
            )
            self.model.backward(workspace)
            self.result[1] = self.optimizer.update(self.model.params, self.lr)
            copy_state(self.state, after)

        return step

    def results(self):
        results, self.num_pending = self.log[: self.num_pending], 0
        return [(nats, norm) for nats, norm in self.model.backend.to_host(results).tolist()]


def make(
    model: Model, optimizer: Optimizer, seed: int, batch_size: int, state: list[tuple] | None = None
) -> TrainStep:
    """Return the `TrainStep` of a model for the device where it is."""
    kind = GpuTrainStep if model.backend.asynchronous else TrainStep
    return kind(model, optimizer, seed, batch_size, state)
