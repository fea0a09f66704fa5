"""Every parameter of a model in one flat buffer, and every gradient in another."""

import math
from collections.abc import Callable

import numpy as np

from rnnexp.compute.backend import CPU, Cpu, Gpu


class Parameters:
    """Named arrays that are views of two flat buffers, so that clipping, updating and saving are one pass.

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

    def __init__(self, shapes: dict[str, tuple[int, ...]], dtype, backend: Cpu | Gpu = CPU):
        self.shapes, self.backend = shapes, backend
        size = sum(math.prod(shape) for shape in shapes.values())
        self.values = backend.zeros(size, dtype)
        self.grads = backend.zeros(size, dtype)
        self.value = self.split(self.values)
        self.grad = self.split(self.grads)

    def split(self, flat) -> dict:
        """The named views of a flat (P,) array laid out like the buffers."""
        views, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            views[name] = flat[start:stop].reshape(shape)
            start = stop
        return views

    def of(self, layer: str) -> tuple[dict, dict]:
        """The values and gradients of one layer, under their names within it."""
        prefix = layer + "."
        names = [name for name in self.shapes if name.startswith(prefix)]
        values = {name.removeprefix(prefix): self.value[name] for name in names}
        return values, {name.removeprefix(prefix): self.grad[name] for name in names}

    def on_host(self) -> dict:
        """The values, by name, as NumPy's arrays."""
        return self.split(self.backend.to_host(self.values))

    def set(self, arrays: dict) -> None:
        """Take the values from NumPy's arrays, by name; more names may be there."""
        for name, value in self.value.items():
            value[...] = self.backend.to_device(np.asarray(arrays[name], value.dtype))

    def count(self, *layers: str) -> int:
        """How many numbers the parameters of the named layers hold."""
        return sum(math.prod(shape) for name, shape in self.shapes.items() if name.split(".")[0] in layers)


class Workspace:
    """What a forward pass leaves behind for its backward pass.

    Its large arrays are reused by the next window of the same shape, instead of being allocated at
    every step. Passes that are to be alive at the same time need a workspace each.
    """

    def __init__(self, dtype, backend: Cpu | Gpu = CPU):
        self.dtype, self.backend = dtype, backend
        self.items: dict = {}
        self.made: dict[str, tuple] = {}
        self.parts: dict[str, Workspace] = {}

    def child(self, name: str) -> "Workspace":
        """The workspace of one layer."""
        return self.parts.setdefault(name, Workspace(self.dtype, self.backend))

    def get_or_create(self, name: str, key, make: Callable):
        """What `make()` returned last time under that name, where `key` is still the same; else anew."""
        if name not in self.made or self.made[name][0] != key:
            self.made[name] = key, make()
        return self.made[name][1]

    def array(self, name: str, shape: tuple[int, ...]):
        """An uninitialised array, the same one as last time where the shape is the same."""
        return self.get_or_create(name, shape, lambda: self.backend.empty(shape, self.dtype))

    def __getitem__(self, name: str):
        return self.items[name]

    def __setitem__(self, name: str, value):
        self.items[name] = value
