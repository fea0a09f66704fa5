"""Update by Adam, whose steps are of the size of lr whatever that of the gradients."""

import math
from typing import Annotated

import numpy as np

from rnnexp.optim.base import ClipNorm, ClipValue, LearningRate, Optimizer, WeightDecay
from rnnexp.options import BETWEEN_0_AND_1, POSITIVE, Option

Beta1 = Annotated[float, Option("share of the mean gradient that a step keeps", BETWEEN_0_AND_1)]
Beta2 = Annotated[float, Option("share of the mean squared gradient that a step keeps", BETWEEN_0_AND_1)]
Epsilon = Annotated[float, Option("keeps a step finite where gradients are tiny", POSITIVE)]


class Adam(Optimizer):
    """Update by values -= lr * m_hat / (sqrt(v_hat) + epsilon).

    m = beta1 * m + (1 - beta1) * g, v = beta2 * v + (1 - beta2) * g * g, and at step t
    m_hat = m / (1 - beta1 ** t), v_hat = v / (1 - beta2 ** t).
    Kingma & Ba 2015, "Adam: a method for stochastic optimization", algorithm 1.
    """

    first_values = {"m": 0.0, "v": 0.0}

    def __init__(
        self,
        lr: LearningRate,
        beta1: Beta1 = 0.9,
        beta2: Beta2 = 0.999,
        epsilon: Epsilon = 1e-8,
        clip_norm: ClipNorm = None,
        clip_value: ClipValue = None,
        weight_decay: WeightDecay = 0.0,
    ):
        super().__init__(lr, clip_norm, clip_value, weight_decay)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def step(self, values, g, lr, t, m, v):
        m *= self.beta1
        m += (1 - self.beta1) * g
        v *= self.beta2
        g *= g
        v += (1 - self.beta2) * g
        size = np.sqrt(v / one_minus_power(self.beta2, t)) + self.epsilon
        values -= lr / one_minus_power(self.beta1, t) * (m / size)


def one_minus_power(beta: float, t):
    """Return 1 - beta ** t, exact also where that is tiny; t is a number, or a kernel's stand-in for one."""
    log = t * math.log(beta)
    return -math.expm1(log) if isinstance(log, float) else -np.expm1(log)


make = Adam
