"""Average the parameters over updates, from when validation no longer gets better."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rnnexp.compute.parameters import Parameters
from rnnexp.compute.threads import in_parts
from rnnexp.training.config import TrainConfig
from rnnexp.training.state import TrainState


class Average:
    """Hold the mean of the parameters after each update since `TrainState.averaged_from`.

    It is validated, tested and saved as the best; training goes on from the parameters themselves.
    Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging".

    Attributes
    ----------
    array : the mean, (P,) on the parameters' device; None before the first update that counts.
    """

    def __init__(self) -> None:
        self.array: Any = None

    def add(self, params: Parameters, number: int) -> None:
        """Count the parameters after an update, the `number`-th that counts."""
        if self.array is None:
            self.array = params.values.copy()
            return

        def add_part(part: slice) -> None:
            difference = params.values[part] - self.array[part]
            difference /= number
            self.array[part] += difference

        in_parts(add_part, len(self.array), params.backend.update_block)

    @contextmanager
    def in_place(self, params: Parameters) -> Iterator[None]:
        """Have the parameters be their average within the context, where there is one."""
        if self.array is None:
            yield
            return
        trained = params.values.copy()
        params.values[...] = self.array
        try:
            yield
        finally:
            params.values[...] = trained


def earliest(config: TrainConfig) -> int | None:
    """Return the first epoch with which averaging may begin; None: it is not asked for."""
    by_trigger = None if config.average_trigger is None else config.average_trigger + 3  # see `is_due`
    return min((epoch for epoch in (config.average_from, by_trigger) if epoch is not None), default=None)


def is_due(state: TrainState, config: TrainConfig) -> bool:
    """Return whether averaging is to begin with the epoch before which `state` is.

    It begins once the last validation loss is above the best of those more than `average_trigger` epochs before it:
    the non-monotonic trigger (NT-ASGD) of Merity et al. 2018, "Regularizing and optimizing LSTM language models".
    """
    if state.averaged_from is not None:
        return False
    if config.average_from is not None and state.epoch + 1 >= config.average_from:
        return True
    before, n = state.valid_losses[:-1], config.average_trigger
    return n is not None and len(before) > n and state.valid_losses[-1] > min(before[:-n])
