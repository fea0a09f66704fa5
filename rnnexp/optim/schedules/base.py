"""State the contract of a schedule."""

from typing import Protocol


class Schedule(Protocol):
    """Set the learning rate from epoch to epoch."""

    def next_lr(self, lr: float, improved: bool) -> float:
        """Return the learning rate of the next epoch.

        lr : that of the epoch that has ended.
        improved : whether its validation loss was better than the best before it.
        """
        ...
