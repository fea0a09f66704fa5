"""Training steps: a window forward and backward, then an update.

On a GPU a step is only asked for: how it went is read later, for many steps at once, so that it never waits.
"""

from collections.abc import Callable

import numpy as np

from rnnexp.data.device import CapturedWindow
from rnnexp.nn.model import Model, arrays_of, copy_state
from rnnexp.optim.base import Optimizer


class TrainStep:
    """Takes steps and keeps the recurrent state between them.

    Parameters
    ----------
    seed : of the dropout masks.
    state : before the first step, NumPy's arrays; None: zeros.

    Attributes
    ----------
    every : steps after which results are to be asked for.
    state : after the last step, arrays of the model's backend.
    """

    every = 1

    def __init__(
        self, model: Model, optimizer: Optimizer, seed: int, batch_size: int, state: list[tuple] | None = None
    ):
        self.model, self.optimizer, self.seed = model, optimizer, seed
        self.state = model.zero_state(batch_size)
        self.done: list[tuple[float, float]] = []
        if state:
            self.put(state)
        self.prepare()

    def prepare(self) -> None:
        self.workspace = self.model.workspace()

    def put(self, state: list[tuple]) -> None:
        """Set the state to NumPy's arrays."""
        to_device = self.model.backend.to_device
        copy_state(self.state, [tuple(map(to_device, layer)) for layer in state])

    def forget(self) -> None:
        """Begin a text: set the state to zeros."""
        for array in arrays_of(self.state):
            array.fill(0)

    def take(self, inputs, targets, step: int, lr: float, grad_scale: float) -> None:
        """Step number `step`, see `Model.forward` for the rest."""
        key = self.seed, step
        nats, self.state = self.model.forward(inputs, targets, self.state, self.workspace, key, grad_scale)
        self.model.backward(self.workspace)
        self.done.append((nats, self.optimizer.update(self.model.params, lr)))

    def results(self) -> list[tuple[float, float]]:
        """Summed nats and norm of the gradient of each step since this was asked last."""
        results, self.done = self.done, []
        return results


class GpuTrainStep(TrainStep):
    """The same on a GPU, where all that a step reads and writes has a fixed place."""

    every = 32

    def prepare(self) -> None:
        device = self.model.backend
        self.number, self.lr = device.empty(1, np.uint64), device.empty(1, np.float64)
        self.log = device.empty((self.every, 2), np.float64)
        self.taken = 0  # that are in the log
        self.result = device.empty(2, np.float64)  # of the last
        self.of_shape: dict[tuple, CapturedWindow] = {}

    def take(self, inputs, targets, step, lr, grad_scale):
        if inputs.shape not in self.of_shape:
            do = self.on_fixed_places(grad_scale)
            self.of_shape[inputs.shape] = CapturedWindow(do, inputs.shape, self.model.backend)
        self.number.fill(step)
        self.lr.fill(lr)
        self.of_shape[inputs.shape].read(inputs, targets)
        self.log[self.taken] = self.result
        self.taken += 1

    def on_fixed_places(self, grad_scale: float) -> Callable:
        """A step on windows of one shape, with a workspace of its own."""
        workspace, key = self.model.workspace(), (self.seed, self.number)

        def step(inputs, targets) -> None:
            self.result[0], after = self.model.forward(
                inputs, targets, self.state, workspace, key, grad_scale
            )
            self.model.backward(workspace)
            self.result[1] = self.optimizer.update(self.model.params, self.lr)
            copy_state(self.state, after)

        return step

    def results(self):
        results, self.taken = self.log[: self.taken], 0
        return [(nats, norm) for nats, norm in self.model.backend.to_host(results).tolist()]


def make(
    model: Model, optimizer: Optimizer, seed: int, batch_size: int, state: list[tuple] | None = None
) -> TrainStep:
    """The steps of a model where it is; see `TrainStep`."""
    kind = GpuTrainStep if model.backend.asynchronous else TrainStep
    return kind(model, optimizer, seed, batch_size, state)
