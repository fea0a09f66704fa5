"""The learning rate from epoch to epoch."""


class Constant:
    """The same learning rate throughout."""

    def next_lr(self, lr: float, improved: bool) -> float:
        return lr


class Plateau:
    """lr / factor after each epoch whose validation loss is no better than the best before it.

    "Deep Learning from Scratch 2", section 6.5: factor 4.
    """

    def __init__(self, factor: float):
        self.factor = factor

    def next_lr(self, lr: float, improved: bool) -> float:
        return lr if improved else lr / self.factor


SCHEDULES = {"constant": Constant, "plateau": Plateau}
