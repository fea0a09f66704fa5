"""Keep the large arrays of a step for the next one, and what a forward pass leaves for its backward pass."""

from collections.abc import Callable

from rnnexp.compute.ops import Ops


class Workspace:
    """Hold what a forward pass leaves behind for its backward pass.

    Its large arrays are reused by the next window of the same shape, instead of being allocated at
    every step. Passes that are to be alive at the same time need a workspace each.
    """

    def __init__(self, dtype, backend: Ops):
        self.dtype, self.backend = dtype, backend
        self.items: dict = {}
        self.made: dict[str, tuple] = {}
        self.parts: dict[str, Workspace] = {}

    def child(self, name: str) -> "Workspace":
        """Return the workspace of one layer."""
        return self.parts.setdefault(name, Workspace(self.dtype, self.backend))

    def get_or_create(self, name: str, key, make: Callable):
        """Return what `make()` last returned under a name, called anew where `key` is another than then."""
        if name not in self.made or self.made[name][0] != key:
            self.made[name] = key, make()
        return self.made[name][1]

    def array(self, name: str, shape: tuple[int, ...]):
        """Return an uninitialised array, the one last returned under the name where that has the same shape."""
        return self.get_or_create(name, shape, lambda: self.backend.empty(shape, self.dtype))

    def __getitem__(self, name: str):
        return self.items[name]

    def __setitem__(self, name: str, value):
        self.items[name] = value
