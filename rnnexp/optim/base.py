"""Gradient descent on the flat parameter buffer."""

import math
from collections.abc import Callable

import numpy as np

from rnnexp.compute.cuda.kernels import Kernels
from rnnexp.compute.cuda.tracer import Address, Scalar, Tracer
from rnnexp.compute.parameters import Parameters
from rnnexp.compute.threads import in_parts


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
    state_names : of the arrays in `state`.
    """

    state_names: tuple[str, ...] = ()

    def __init__(self, lr: float, clip_norm: float | None = None, clip_value: float | None = None):
        self.lr, self.clip_norm, self.clip_value = lr, clip_norm, clip_value
        self.state: dict = {}
        self.compiled: dict[Kernels, Callable] = {}

    def update(self, params: Parameters, lr):
        """One step; returns the norm before clipping. A norm that is not finite changes nothing.

        On a GPU lr may be an array there, of one float64, and the norm is an array ().
        """
        for name in self.state_names:
            if name not in self.state:
                self.state[name] = np.zeros_like(params.values)
        if own := params.backend.custom_kernels(params.grads.dtype):
            return self.update_fused(params, lr, own)
        norm = math.sqrt(params.backend.squared_norm(params.grads))
        if math.isfinite(norm):
            scale = self.clip_norm / norm if self.clip_norm and norm > self.clip_norm else 1.0

            def step(part: slice) -> None:
                state = (self.state[name][part] for name in self.state_names)
                self.descend(params.values[part], params.grads[part] * scale, lr, *state)

            in_parts(step, len(params.values), params.backend.update_block)
        return norm

    def update_fused(self, params: Parameters, lr, own: Kernels):
        """The same on a GPU: the norm, and one kernel for all the rest."""
        if own not in self.compiled:
            self.compiled[own] = self.compile(own)
        clip = own.norm_and_factor(params.grads, self.clip_norm)
        if isinstance(lr, float):
            lr, rate = params.backend.empty(1, np.float64), lr
            lr.fill(rate)
        arrays = {"values": params.values, "grads": params.grads, "clip": clip, "lr": lr, **self.state}
        self.compiled[own](len(params.values), 0, 1, arrays)
        return clip[0]

    def compile(self, own: Kernels) -> Callable:
        """The kernel of `descend`."""
        tracer, names = Tracer(), ("values", "grads", *self.state_names)
        values, grads, *state = (tracer.array(Address(name)) for name in names)
        self.descend(values, grads * tracer.array(Scalar("clip", 1)), tracer.array(Scalar("lr")), *state)
        tracer.end_kernel()
        return own.compile({"update": tracer.kernels[0]}, unless="!isfinite(s_clip[0])")["update"]

    def descend(self, values, g, lr, *state) -> None:
        """Change values by their gradients g, a scratch array; `state` is that of `state_names`."""
        if self.clip_value:
            np.clip(g, -self.clip_value, self.clip_value, out=g)
        self.step(values, g, lr, *state)

    def step(self, values, g, lr, *state) -> None:
        """The same once g is clipped by value too."""
        g *= lr
        values -= g


class Adagrad(SGD):
    """values -= lr * g / (sqrt(squares) + epsilon), where squares is the sum of g * g so far.

    Duchi et al. 2011, "Adaptive subgradient methods for online learning and stochastic optimization".

    Parameters
    ----------
    epsilon : keeps the first steps of a number whose gradient is tiny finite.
    """

    state_names = ("squares",)

    def __init__(
        self,
        lr: float,
        epsilon: float = 1e-8,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ):
        super().__init__(lr, clip_norm, clip_value)
        self.epsilon = epsilon

    def step(self, values, g, lr, squares):
        squares += g * g
        g *= lr
        g /= np.sqrt(squares) + self.epsilon
        values -= g


OPTIMIZERS = {"sgd": SGD, "adagrad": Adagrad}
