"""Update by Adagrad, whose steps shrink where gradients have been large."""

from typing import Annotated

import numpy as np

from rnnexp.optim.base import ClipNorm, ClipValue, LearningRate, Optimizer, WeightDecay
from rnnexp.options import POSITIVE, Option


class Adagrad(Optimizer):
    """Update by values -= lr * g / (sqrt(squares) + epsilon), where squares is the sum of g * g so far.

    Duchi et al. 2011, "Adaptive subgradient methods for online learning and stochastic optimization".
    """

    first_values = {"squares": 0.0}

    def __init__(
        self,
        lr: LearningRate,
        epsilon: Annotated[
            float, Option("keeps the first steps of a number finite whose gradient is tiny", POSITIVE)
        ] = 1e-8,
        clip_norm: ClipNorm = None,
        clip_value: ClipValue = None,
        weight_decay: WeightDecay = 0.0,
    ):
        super().__init__(lr, clip_norm, clip_value, weight_decay)
        self.epsilon = epsilon

    def step(self, values, g, lr, t, squares):
        squares += g * g
        g *= lr
        g /= np.sqrt(squares) + self.epsilon
        values -= g


make = Adagrad
