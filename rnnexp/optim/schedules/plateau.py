"""Lower the learning rate where the validation loss no longer falls."""

from typing import Annotated

from rnnexp.options import Option, greater_than


class Plateau:
    """Divide lr by a factor after each epoch whose validation loss is no better than the best before it.

    "Deep Learning from Scratch 2", section 6.5: factor 4.
    """

    def __init__(
        self,
        factor: Annotated[
            float, Option("lr / factor after an epoch without a better validation loss", greater_than(1))
        ],
    ):
        self.factor = factor

    def next_lr(self, lr: float, improved: bool, epoch: int) -> float:
        return lr if improved else lr / self.factor


make = Plateau
