"""Compile elementwise loops and the products between them with numba."""

from typing import Any

from rnnexp.compute.jit.environment import unreadable_left_out

with unreadable_left_out():
    import numba
from numba.core.compiler import Compiler

from rnnexp.compute.jit import cache

# Reordering is fine, but a number that is not finite must stay so: `nnan` and `ninf` are left out.
# error_model="numpy": a division that can raise is not vectorised.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "arcp", "nsz"},
}


# Written code says the order of its operations, which the compiler keeps.
IN_ORDER = OPTIONS | {"fastmath": {"contract", "arcp", "nsz"}}


class Apart(Compiler):
    """Compile functions whose arrays never overlap, so that loops over many arrays need not find out."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.state.flags.noalias = True


def jit(function: Any) -> Any:
    """Return a function compiled when it is first called, and kept for other processes where there is room for it."""
    return compiled(function, OPTIONS)


def row(function: Any) -> Any:
    """Return a function of rows that do not overlap, compiled and kept as by `jit`."""
    return compiled(function, IN_ORDER | {"pipeline_class": Apart})


def alone(function: Any) -> Any:
    """Return a function compiled and kept as by `jit`, whose result is rounded before it is used."""
    return compiled(function, OPTIONS | {"fastmath": {"nsz"}})


def compiled(function: Any, options: dict[str, Any]) -> Any:
    """Return a function compiled with numba's options."""
    kept = cache.is_possible(function) or (cache.move() and cache.is_possible(function))
    return numba.njit(cache=kept, **options)(function)
