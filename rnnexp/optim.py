"""Gradient descent on the flat parameter buffer."""

import math

import numpy as np

from rnnexp.params import Parameters
from rnnexp.threads import in_parts

PART = 65_536  # numbers that are worked through at a time, so that they stay in a core's cache


class SGD:
    """Stochastic gradient descent: values -= lr * g, with g the clipped gradient.

    Parameters
    ----------
    lr : the first learning rate; a schedule lowers it.
    clip_norm : g is the gradient times min(1, clip_norm / norm), where norm is that of all gradients
        together (Pascanu et al. 2013, "On the difficulty of training recurrent neural networks").
        None: it is not.
    clip_value : after that, every number of g is brought to between -clip_value and clip_value.

    Attributes
    ----------
    state : name -> (P,) array, what the next step depends on besides the parameters.
    """

    def __init__(self, lr: float, clip_norm: float | None = None, clip_value: float | None = None):
        self.lr, self.clip_norm, self.clip_value = lr, clip_norm, clip_value
        self.state: dict = {}

    def update(self, params: Parameters, lr: float) -> float:
        """One step; returns the norm before clipping. A norm that is not finite changes nothing."""
        norm = math.sqrt(squared_norm(params.grads))
        if math.isfinite(norm):
            scale = self.clip_norm / norm if self.clip_norm and norm > self.clip_norm else 1.0

            def step(part: slice) -> None:
                g = params.grads[part] * scale
                if self.clip_value:
                    np.clip(g, -self.clip_value, self.clip_value, out=g)
                self.descend(params.values[part], g, lr, part)

            in_parts(step, len(params.values), PART)
        return norm

    def descend(self, values, g, lr: float, part: slice) -> None:
        """Change `values`, which are those of `part`, by their clipped gradients g (a scratch array)."""
        g *= lr
        values -= g


class Adagrad(SGD):
    """values -= lr * g / (sqrt(squares) + epsilon), where squares is the sum of g * g so far.

    Duchi et al. 2011, "Adaptive subgradient methods for online learning and stochastic optimization".

    Parameters
    ----------
    epsilon : keeps the first steps of a number whose gradient is tiny finite.
    """

    def __init__(
        self,
        lr: float,
        epsilon: float = 1e-8,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ):
        super().__init__(lr, clip_norm, clip_value)
        self.epsilon = epsilon

    def update(self, params: Parameters, lr: float) -> float:
        if not self.state:
            self.state["squares"] = np.zeros_like(params.values)
        return super().update(params, lr)

    def descend(self, values, g, lr, part):
        squares = self.state["squares"][part]
        squares += g * g
        g *= lr
        g /= np.sqrt(squares) + self.epsilon
        values -= g


def squared_norm(array) -> float:
    """The sum of squares, the same for any number of threads."""
    squares = np.zeros(-(-len(array) // PART))

    def square(part: slice) -> None:
        squares[part.start // PART] = np.dot(array[part], array[part])

    in_parts(square, len(array), PART)
    return float(squares.sum())


OPTIMIZERS = {"sgd": SGD, "adagrad": Adagrad}
