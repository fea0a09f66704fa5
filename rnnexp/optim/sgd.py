"""Update by stochastic gradient descent."""

from typing import Annotated

from rnnexp.optim.base import ClipNorm, ClipValue, LearningRate, Optimizer, WeightDecay
from rnnexp.options import SHARE_BELOW_1, Option


class SGD(Optimizer):
    """Update by values -= lr * g, with g the clipped gradient.

    With momentum instead by velocity = momentum * velocity + g; values -= lr * velocity, as PyTorch does
    (Polyak 1964, "Some methods of speeding up the convergence of iteration methods").
    """

    def __init__(
        self,
        lr: LearningRate,
        clip_norm: ClipNorm = None,
        clip_value: ClipValue = None,
        weight_decay: WeightDecay = 0.0,
        momentum: Annotated[
            float,
            Option(
                "share of the last step's velocity that is kept; steps become 1 / (1 - momentum) times as long",
                SHARE_BELOW_1,
                since_default=0.0,
            ),
        ] = 0.0,
    ):
        super().__init__(lr, clip_norm, clip_value, weight_decay)
        self.momentum = momentum
        self.first_values = {"velocity": 0.0} if momentum else {}

    def step(self, values, g, lr, t, *remembered):
        if not self.momentum:
            g *= lr
            values -= g
            return
        (velocity,) = remembered
        velocity *= self.momentum
        velocity += g
        values -= lr * velocity


make = SGD
