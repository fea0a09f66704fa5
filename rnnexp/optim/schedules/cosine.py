"""Lower the learning rate along a cosine, slowly at first and at the end."""

import math
from typing import Annotated

from rnnexp.options import NOT_NEGATIVE, Option, at_least


class Cosine:
    """Have lr of epoch k = 1 ... epochs be least + (first lr - least) * (1 + cos(pi (k - 1) / epochs)) / 2.

    Loshchilov & Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", without restarts.
    """

    def __init__(
        self,
        epochs: Annotated[
            int,
            Option("epochs of the half wave; a run that ends before ends at a higher rate", at_least(0)),
        ],
        least: Annotated[float, Option("the learning rate after them", NOT_NEGATIVE)],
    ):
        self.epochs, self.least = epochs, least

    def next_lr(self, lr: float, improved: bool, epoch: int) -> float:
        """Return the rate by that of the epoch before: so a run that goes on needs no first rate."""
        if epoch >= self.epochs:
            return self.least
        return self.least + (lr - self.least) * self.height(epoch) / self.height(epoch - 1)

    def height(self, epochs: int) -> float:
        """Return the height of the wave after so many epochs."""
        return 1 + math.cos(math.pi * epochs / self.epochs)


make = Cosine
