"""Gradient descent on the flat parameter buffer."""

import math

import numpy as np

from rnnexp.params import Parameters
from rnnexp.threads import in_parts

PART = 65_536  # numbers that are updated at a time, so that the second pass finds them in the cache


class SGD:
    """Stochastic gradient descent with the gradient's global norm clipped.

    values -= lr * grads * min(1, clip_norm / norm), where norm is that of all gradients together
    (Pascanu et al. 2013, "On the difficulty of training recurrent neural networks").

    Parameters
    ----------
    lr : the first learning rate; a schedule lowers it.
    clip_norm : None: no clipping.
    """

    def __init__(self, lr: float, clip_norm: float | None = None):
        self.lr, self.clip_norm = lr, clip_norm

    def update(self, params: Parameters, lr: float) -> float:
        """One step; returns the norm before clipping. A norm that is not finite changes nothing."""
        values, grads = params.values, params.grads
        norm = math.sqrt(float(np.dot(grads, grads)))
        if math.isfinite(norm):
            scale = self.clip_norm / norm if self.clip_norm and norm > self.clip_norm else 1.0

            def descend(part: slice) -> None:
                grads[part] *= -lr * scale
                values[part] += grads[part]

            in_parts(descend, len(values), PART)
        return norm


OPTIMIZERS = {"sgd": SGD}
