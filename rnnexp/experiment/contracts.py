"""Hold the user's own parts to what the rest of the program expects of them, before anything is made."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rnnexp.compute import engine
from rnnexp.data.corpus import Corpus
from rnnexp.errors import UserError
from rnnexp.evaluation.base import Evaluator
from rnnexp.experiment import own_parts
from rnnexp.experiment.faults import blamed
from rnnexp.nn import loops
from rnnexp.nn.cells.base import Cell
from rnnexp.nn.cells.rnn import RNN
from rnnexp.nn.model import Model
from rnnexp.optim.base import Optimizer

KINDS: dict[str, type] = {"cell": Cell, "dataset": Corpus, "optimizer": Optimizer, "evaluation": Evaluator}
TOKENS = np.arange(7, dtype=np.int32)
WINDOW = TOKENS[:6].reshape(3, 2), TOKENS[1:].reshape(3, 2)  # inputs and targets that a cell is tried on


def made(group: str, name: str, make: Callable[[], Any]) -> Any:
    """Return what `make` makes; where it is the user's own, UserError by its file for what the program cannot use."""
    part = own_parts.PARTS.get((group, name))
    if not part:
        return make()
    with blamed(f"{group}={name}: {part.file}", part.file):
        it = make()
        if group == "schedule":
            return Watched(it, f"schedule={name}", part.file)
        if not isinstance(it, KINDS[group]):
            kind = KINDS[group]
            raise TypeError(
                f"make must return a {kind.__module__}.{kind.__name__}; its result is of type {type(it).__name__}"
            )
        if isinstance(it, Corpus):
            require_tokens(it)
        return it


class Watched:
    """Stand before a schedule of the user's, whose rates must be numbers that one can train with."""

    def __init__(self, schedule: Any, named: str, file: str):
        if not callable(getattr(schedule, "next_lr", None)):
            raise TypeError(
                f"make must return what has next_lr; its result is of type {type(schedule).__name__}"
            )
        self.schedule, self.named, self.file = schedule, named, file
        self.knows_length = getattr(schedule, "knows_length", False)

    def next_lr(self, lr: float, improved: bool, epoch: int) -> float:
        """Return the rate of the next epoch; UserError where it is none."""
        with blamed(f"{self.named}: {self.file}", self.file):
            rate = self.schedule.next_lr(lr, improved, epoch)
        if not isinstance(rate, int | float | np.number) or not 0 <= rate < math.inf:
            raise UserError(
                f"{self.named} gave the rate {rate!r} after epoch {epoch}: next_lr in {self.file} must return "
                "a number, 0 or more"
            )
        return float(rate)


def require_tokens(corpus: Corpus) -> None:
    """Raise ValueError where a split is none of whole numbers that the vocabulary has."""
    for split in "train", "valid", "test":
        tokens, size = corpus.splits.get(split), len(corpus.vocabulary)
        if not isinstance(tokens, np.ndarray) or tokens.ndim != 1 or tokens.dtype.kind not in "iu":
            raise ValueError(f"splits[{split!r}] must be an array (N,) of whole numbers")
        if len(tokens) and not 0 <= tokens.min() <= tokens.max() < size:
            raise ValueError(f"splits[{split!r}] has tokens that are not from 0 to below {size}")


def try_out(config: Mapping[str, Any], make: Callable[..., Any]) -> None:
    """Take a step with the user's own cell, optimizer and schedule, those that a config chooses, on tiny arrays.

    make : given group, section and arguments, makes what the section names.

    Raises
    ------
    UserError, which names the part, its file and, where the error came through it, the line.
    """
    for key, part in own_parts.chosen(config).items():
        group, _, name = key.partition("/")
        with blamed(f"{group}={name}: {part.file}", part.file):
            if group == "cell":
                cell = make(group, config[group], 3, 4)
                take_step(cell)
                require_repeatable(cell)
                require_gradients(cell)
                if config["device"] == "gpu" and config["engine"] != "cupy":
                    require_compiled(cell)
            elif group == "optimizer":
                take_step(RNN(3, 4), make(group, config[group]))
            elif group == "schedule":
                lr = config["optimizer"]["lr"] or 1.0
                make(group, config[group]).next_lr(lr, True, 1)


def take_step(cell: Cell, optimizer: Optimizer | None = None) -> None:
    """Take a step forward and back, and one of an optimizer; ValueError where a number is not finite."""
    model = Model([cell], vocab_size=7, embed_size=cell.shapes["W"][1])
    model.init(0)
    workspace = model.workspace()
    with engine.use("numpy"), np.errstate(all="ignore"):
        nats, _ = model.forward(*WINDOW, model.zero_state(2), workspace, (0, 0), 1.0)
        require_finite("step", nats)
        model.backward(workspace)
        require_finite("step_backward", model.params.grads)
        if optimizer:
            optimizer.update(model.params, 0.1)
            require_finite("step", model.params.values)


def require_compiled(cell: Cell) -> None:
    """Raise ValueError where a cell cannot become kernels of a GPU, which has no steps to fall back on."""
    if reason := loops.why_not_compiled(cell):
        raise ValueError(f"{reason}; engine=cupy takes the steps as they are")


def require_gradients(cell: Cell) -> None:
    """Raise ValueError where the gradient of a cell is that of other maths than its step.

    At two random points with small weights, and at two with large ones, which take gates to their limits.
    """
    model = Model([cell], vocab_size=7, embed_size=cell.shapes["W"][1], dtype=np.float64)
    with engine.use("numpy"), np.errstate(all="ignore"):
        for spread, where in (
            (0.2, ""),
            (2.0, " at large weights: what limits a gate limits its gradient too"),
        ):
            if all(is_other_gradient(model, np.random.default_rng(seed), spread) for seed in (1, 2)):
                raise ValueError(
                    f"the gradient of local_gradients and step_backward is not that of step{where}"
                )


def require_repeatable(cell: Cell) -> None:
    """Raise ValueError where a step that has no counter and draws nothing gives other numbers the second time."""
    if loops.why_not_compiled(cell):  # it may have one: then nobody can tell
        return
    model = Model([cell], vocab_size=7, embed_size=cell.shapes["W"][1])
    model.params.values[...] = np.random.default_rng(0).normal(0, 0.5, len(model.params.values))
    workspace = model.workspace()
    with engine.use("numpy"), np.errstate(all="ignore"):
        first, second = (
            float(model.forward(*WINDOW, model.zero_state(2), workspace, None, 1.0)[0]) for _ in "12"
        )
    if not np.array_equal(first, second, equal_nan=True):
        raise ValueError(
            "step gives other numbers the second time: it reads an array before it has set it, or changes "
            "what is not its own"
        )


def is_other_gradient(model: Model, rng: np.random.Generator, spread: float) -> bool:
    """Return whether the gradient is not the slope of the loss along a random direction, at a random point.

    Two differences of the loss must agree on the slope: they do not at a corner (abs, clip), in single precision, or
    where a step draws numbers, and then nothing is found.
    """
    workspace, values = model.workspace(), model.params.values
    model.init(0)
    point, direction = values + rng.normal(0, spread, len(values)), rng.normal(0, 1, len(values))

    def loss(distance: float) -> float:
        values[...] = point + distance * direction
        return float(model.forward(*WINDOW, model.zero_state(2), workspace, None, 1.0)[0])

    slope, other = ((loss(far) - loss(-far)) / (2 * far) for far in (1e-4, 2e-4))
    loss(0.0)
    model.backward(workspace)
    gradient = float(model.params.grads @ direction)
    scale = max(abs(slope), abs(gradient), 1e-3)
    return abs(slope - other) < 1e-5 * scale and abs(slope - gradient) > 1e-4 * scale


def require_finite(method: str, numbers: Any) -> None:
    """Raise ValueError where not all numbers that follow from a method are finite."""
    if not np.isfinite(numbers).all():
        raise ValueError(f"{method} gives numbers that are not finite, on a tiny model")
