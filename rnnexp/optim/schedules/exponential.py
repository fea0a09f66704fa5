"""Lower the learning rate by a factor each epoch, once some are done."""

from typing import Annotated

from rnnexp.options import Option, at_least, greater_than


class Exponential:
    """Divide lr by a factor after epoch number `after` and after each later one.

    Zaremba et al. 2014, "Recurrent neural network regularization": after 6 by 1.2, after 14 by 1.15.
    """

    def __init__(
        self,
        factor: Annotated[float, Option("lr / factor after each of these epochs", greater_than(1))],
        after: Annotated[int, Option("epochs at the first rate, before lr falls each epoch", at_least(1))],
    ):
        self.factor, self.after = factor, after

    def next_lr(self, lr: float, improved: bool, epoch: int) -> float:
        return lr / self.factor if epoch >= self.after else lr


make = Exponential
