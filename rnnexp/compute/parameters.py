"""Keep every parameter of a model in one flat buffer, and every gradient in another."""

import math
import sys
from collections.abc import Mapping

import numpy as np

from rnnexp.compute.backend import CPU
from rnnexp.compute.ops import Ops
from rnnexp.errors import UserError


class Parameters:
    """Hold named arrays that are views of two flat buffers, so that clipping, updating and saving are one pass.

    Parameters
    ----------
    shapes : name -> shape, in the order of the buffer; names read "layer.weight".
    dtype : of both buffers.
    backend : where they are.

    Attributes
    ----------
    values, grads : (P,) arrays, the flat buffers.
    value, grad : name -> view of them with the parameter's shape.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], dtype, backend: Ops = CPU):
        self.shapes, self.backend = shapes, backend
        size = sum(math.prod(shape) for shape in shapes.values())
        if size * np.dtype(dtype).itemsize > sys.maxsize:
            raise MemoryError(f"{size:.0e} numbers")
        self.values = backend.zeros(size, dtype)
        self.grads = backend.zeros(size, dtype)
        self.value = self.split(self.values)
        self.grad = self.split(self.grads)

    def split(self, flat) -> dict:
        """Return the named views of a flat (P,) array laid out like the buffers."""
        views, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            views[name] = flat[start:stop].reshape(shape)
            start = stop
        return views

    def of(self, layer: str) -> tuple[dict, dict]:
        """Return the values and gradients of one layer, under their names within it."""
        prefix = layer + "."
        names = [name for name in self.shapes if name.startswith(prefix)]
        values = {name.removeprefix(prefix): self.value[name] for name in names}
        return values, {name.removeprefix(prefix): self.grad[name] for name in names}

    def on_host(self) -> dict:
        """Return the values, by name, as NumPy's arrays."""
        return self.split(self.backend.to_host(self.values))

    def set(self, arrays: Mapping[str, np.ndarray], origin: str = "the weights") -> None:
        """Set the values to NumPy's arrays, by name; other names among the arrays are ignored.

        origin : what the arrays are, for the message.

        Raises
        ------
        UserError, before anything is set, where one is missing, of another shape, or not of finite real numbers.
        """
        dtype, checked = self.values.dtype, {}
        for name, shape in self.shapes.items():
            if name not in arrays:
                raise UserError(f"{origin} lacks {name} of shape {shape}")
            checked[name] = require_array(arrays[name], shape, dtype, f"{origin}: {name}")
        for name, value in self.value.items():
            value[...] = self.backend.to_device(checked[name])

    def count(self, *layers: str) -> int:
        """Count the numbers that the parameters of the named layers hold."""
        return sum(math.prod(shape) for name, shape in self.shapes.items() if name.split(".")[0] in layers)


def require_array(array, shape: tuple[int, ...], dtype, what: str) -> np.ndarray:
    """Return an array as one of this type; UserError where it has another shape or a number that is not finite."""
    require_header(array, shape, what)
    with np.errstate(over="ignore"):
        converted = np.asarray(array, dtype)
    if not np.isfinite(converted).all():
        raise UserError(f"{what} does not hold finite real numbers")
    return converted


def require_header(array, shape: tuple[int, ...], what: str) -> None:
    """Raise UserError where an array, or what stands in a file before it, has another shape or no real numbers."""
    if array.dtype.kind not in "fiu":
        raise UserError(f"{what} does not hold finite real numbers")
    if tuple(array.shape) != tuple(shape):
        raise UserError(f"{what} has the shape {array.shape}, the model's has {shape}")
