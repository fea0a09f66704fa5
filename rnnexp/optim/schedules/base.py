"""State the contract of a schedule."""

from typing import Protocol


class Schedule(Protocol):
    """Set the learning rate from epoch to epoch.

    One whose rates depend on how long a run is says so by `knows_length = True`: a finished run cannot go on then.
    """

    def next_lr(self, lr: float, improved: bool, epoch: int) -> float:
        """Return the learning rate of the next epoch.

        lr : that of the epoch that has ended.
        improved : whether its validation loss was better than the best before it.
        epoch : its number, from 1 on.
        """
        ...
