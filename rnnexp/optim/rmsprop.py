"""Update by RMSProp, which divides by the root of a running mean of squared gradients."""

from typing import Annotated

import numpy as np

from rnnexp.optim.base import ClipNorm, ClipValue, LearningRate, Optimizer, WeightDecay
from rnnexp.options import BETWEEN_0_AND_1, POSITIVE, Option


class RMSProp(Optimizer):
    """Update by values -= lr * g / (sqrt(squares) + epsilon), squares = beta * squares + (1 - beta) * g * g.

    Tieleman & Hinton 2012, lecture 6.5 of "Neural networks for machine learning".
    """

    first_values = {"squares": 0.0}

    def __init__(
        self,
        lr: LearningRate,
        beta: Annotated[
            float, Option("share of the mean squared gradient that a step keeps", BETWEEN_0_AND_1)
        ] = 0.99,
        epsilon: Annotated[float, Option("keeps a step finite where gradients are tiny", POSITIVE)] = 1e-8,
        clip_norm: ClipNorm = None,
        clip_value: ClipValue = None,
        weight_decay: WeightDecay = 0.0,
    ):
        super().__init__(lr, clip_norm, clip_value, weight_decay)
        self.beta, self.epsilon = beta, epsilon

    def step(self, values, g, lr, t, squares):
        squares *= self.beta
        squares += (1 - self.beta) * g * g
        g *= lr
        g /= np.sqrt(squares) + self.epsilon
        values -= g


make = RMSProp
