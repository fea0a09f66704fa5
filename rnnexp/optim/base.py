"""State the contract of an optimizer, and do what all of them do alike, on the flat parameter buffer."""

import math
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np

from rnnexp.compute.cuda.kernels import Kernels
from rnnexp.compute.parameters import Parameters
from rnnexp.compute.threads import in_parts
from rnnexp.compute.tracer import Address, Scalar, Tracer
from rnnexp.options import NOT_NEGATIVE, POSITIVE, Option

LearningRate = Annotated[
    float | None,
    Option(
        "the first learning rate, which a schedule lowers; null: the cell's own for this optimizer", POSITIVE
    ),
]
ClipNorm = Annotated[
    float | None, Option("norm to which that of all gradients together is limited; null: no limit", POSITIVE)
]
ClipValue = Annotated[
    float | None, Option("limit of every number of the gradient, after clip_norm; null: none", POSITIVE)
]
WeightDecay = Annotated[
    float,
    Option(
        "this times the parameters is added to their gradient, once it is clipped; adamw takes it times lr off the "
        "parameters themselves",
        NOT_NEGATIVE,
        since_default=0.0,
    ),
]


class Optimizer:
    """Clip the gradient and have `step` change the parameters by it.

    An optimizer names what it remembers in `first_values`, and defines `step`.

    Parameters
    ----------
    lr : the first learning rate; a config's null has become a number by now.
    clip_norm : the gradient is multiplied by min(1, clip_norm / norm), where norm is that of all gradients
        together (Pascanu et al. 2013, "On the difficulty of training recurrent neural networks").
        None: no limit.
    clip_value : the limit of every number of the gradient, which is clipped to between -clip_value and
        clip_value after that. None: no limit.
    weight_decay : see `decay`.

    Attributes
    ----------
    first_values : name -> first value, of the (P,) arrays that the optimizer remembers from step to step.
    state : name -> array, all that the next step depends on besides the parameters: those (P,) arrays, and
        "step", (1,) float64, the number of updates done. Empty before the first update; set it to go on from
        a saved one.
    """

    first_values: dict[str, float] = {}

    def __init__(
        self,
        lr: LearningRate,
        clip_norm: ClipNorm = None,
        clip_value: ClipValue = None,
        weight_decay: WeightDecay = 0.0,
    ):
        assert lr is not None, "the config's null is still to be resolved"
        self.lr, self.clip_norm, self.clip_value, self.weight_decay = lr, clip_norm, clip_value, weight_decay
        self.state: dict[str, Any] = {}
        self.compiled: dict[Kernels, Callable] = {}

    def step(self, values, g, lr, t, *remembered) -> None:
        """Change the parameters in place, by elementwise NumPy.

        The code also becomes a kernel for GPUs, where stand-ins take the place of arrays and numbers: so
        no branches on their values, and of NumPy's functions those that `compute.tracer` knows.

        Parameters
        ----------
        values, g : (P,) or a part of it: the parameters, and their clipped gradient, which may be overwritten.
        lr, t : numbers: the learning rate, and the count of updates with this one (1, 2, ...).
        remembered : the arrays of `first_values`, in its order, to be changed in place.
        """
        raise NotImplementedError

    def decay(self, values, g, lr) -> None:
        """Add the gradient of weight_decay / 2 times the sum of squares of the parameters; arguments as of `step`.

        It is added to the clipped gradient, and so not clipped itself.
        """
        g += self.weight_decay * values

    def update(self, params: Parameters, lr):
        """Take one step and return the norm of the gradient before clipping.

        A norm that is not finite changes nothing. On a GPU lr may be an array there, of one float64, and
        the norm is an array ().
        """
        self.complete_state(params)
        if own := params.backend.custom_kernels(params.grads.dtype):
            return self.update_fused(params, lr, own)
        norm = math.sqrt(params.backend.squared_norm(params.grads))
        if math.isfinite(norm):
            scale = self.clip_norm / norm if self.clip_norm and norm > self.clip_norm else 1.0
            self.state["step"] += 1
            t = float(self.state["step"][0])

            def change(part: slice) -> None:
                remembered = (self.state[name][part] for name in self.first_values)
                self.clip_and_step(params.values[part], params.grads[part] * scale, lr, t, *remembered)

            in_parts(change, len(params.values), params.backend.update_block)
        return norm

    def complete_state(self, params: Parameters) -> None:
        """Give the arrays that the state lacks their first values: all at first; "step" after an older checkpoint."""
        if "step" not in self.state:
            self.state["step"] = params.backend.zeros(1, np.float64)
        for name, value in self.first_values.items():
            if name not in self.state:
                self.state[name] = params.backend.empty(len(params.values), params.values.dtype)
                self.state[name].fill(value)

    def update_fused(self, params: Parameters, lr, own: Kernels):
        """Do what `update` does on a GPU, by kernels for the norm and one kernel for all the rest."""
        if own not in self.compiled:
            self.compiled[own] = self.compile(own)
        clip = own.norm_and_factor(params.grads, self.clip_norm, self.state["step"])
        if isinstance(lr, float):
            lr, rate = params.backend.empty(1, np.float64), lr
            lr.fill(rate)
        arrays = {"values": params.values, "grads": params.grads, "clip": clip, "lr": lr, **self.state}
        self.compiled[own](len(params.values), 0, 1, arrays)
        return clip[0]

    def compile(self, own: Kernels) -> Callable:
        """Return the kernel of `clip_and_step`."""
        tracer, names = Tracer(), ("values", "grads", *self.first_values)
        values, grads, *remembered = (tracer.array(Address(name)) for name in names)
        clip, lr, t = (tracer.array(scalar) for scalar in (Scalar("clip", 1), Scalar("lr"), Scalar("step")))
        self.clip_and_step(values, grads * clip, lr, t, *remembered)
        tracer.end_kernel()
        return own.compile({"update": tracer.kernels[0]}, unless="!isfinite(s_clip[0])")["update"]

    def clip_and_step(self, values, g, lr, t, *remembered) -> None:
        """Clip g by value, decay, then do `step`."""
        if self.clip_value:
            np.clip(g, -self.clip_value, self.clip_value, out=g)
        if self.weight_decay:
            self.decay(values, g, lr)
        self.step(values, g, lr, t, *remembered)
