"""Gradient descent on the flat parameter buffer."""

import math

import numpy as np

from rnnexp.params import Parameters
from rnnexp.threads import in_parts

PART = 65_536  # numbers that are worked through at a time, so that they stay in a core's cache


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
        norm = math.sqrt(squared_norm(grads))
        if math.isfinite(norm):
            scale = self.clip_norm / norm if self.clip_norm and norm > self.clip_norm else 1.0

            def descend(part: slice) -> None:
                values[part] -= lr * scale * grads[part]

            in_parts(descend, len(values), PART)
        return norm


def squared_norm(array) -> float:
    """The sum of squares, the same for any number of threads."""
    squares = np.zeros(-(-len(array) // PART))

    def square(part: slice) -> None:
        squares[part.start // PART] = np.dot(array[part], array[part])

    in_parts(square, len(array), PART)
    return float(squares.sum())


OPTIMIZERS = {"sgd": SGD}
