"""Keep the large arrays of a step for the next one, and what a forward pass leaves for its backward pass."""

import math
from collections.abc import Callable
from typing import Any

from rnnexp.compute.ops import Ops


class Workspace:
    """Hold what a forward pass leaves behind for its backward pass.

    Its large arrays are reused by the next window, instead of being allocated at every step; a longer window than
    any before makes them longer. Passes that are to be alive at the same time need a workspace each.

    lender : a workspace of passes that are never alive at the same time as these: its memory is used too.
    """

    def __init__(self, dtype, backend: Ops, lender: "Workspace | None" = None):
        self.dtype, self.backend, self.lender = dtype, backend, lender
        self.items: dict = {}
        self.made: dict[str, tuple] = {}
        self.memory: dict[str, Any] = {}
        self.parts: dict[str, Workspace] = {}

    def child(self, name: str) -> "Workspace":
        """Return the workspace of one layer."""
        if name not in self.parts:
            lender = self.lender.child(name) if self.lender else None
            self.parts[name] = Workspace(self.dtype, self.backend, lender)
        return self.parts[name]

    def get_or_create(self, name: str, key, make: Callable):
        """Return what `make()` last returned under a name, called anew where `key` is another than then."""
        if name not in self.made or self.made[name][0] != key:
            self.made[name] = key, make()
        return self.made[name][1]

    def array(self, name: str, shape: tuple[int, ...]):
        """Return an uninitialised array, in the memory of the one last returned under the name where that suffices."""
        return self.get_or_create(name, shape, lambda: self.in_memory(name, shape))

    def in_memory(self, name: str, shape: tuple[int, ...]):
        """Return an array at the beginning of the memory kept under a name, which is made longer where it must be."""
        size = math.prod(shape)
        if self.lender and name not in self.memory and name in self.lender.memory:
            self.memory[name] = self.lender.memory[name]
        if name not in self.memory or len(self.memory[name]) < size:
            self.memory[name] = self.backend.empty(size, self.dtype)
        return self.memory[name][:size].reshape(shape)

    def __getitem__(self, name: str):
        return self.items[name]

    def __setitem__(self, name: str, value):
        self.items[name] = value
