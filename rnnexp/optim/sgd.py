"""Update by stochastic gradient descent."""

from rnnexp.optim.base import Optimizer


class SGD(Optimizer):
    """Update by values -= lr * g, with g the clipped gradient."""

    def step(self, values, g, lr, t):
        g *= lr
        values -= g


make = SGD
