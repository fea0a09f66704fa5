"""Compile elementwise loops and the products between them with numba."""

from typing import Any

import numba

from rnnexp.compute.jit import cache

# Reordering is fine, but a number that is not finite must stay so: `nnan` and `ninf` are left out.
# error_model="numpy": a division that can raise is not vectorised.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "arcp", "nsz"},
}


def jit(function: Any) -> Any:
    """Return a function compiled when it is first called, and kept for other processes where there is room for it."""
    kept = numba.njit(cache=True, **OPTIONS)
    if cache.is_possible(function) or cache.move():
        return kept(function)
    return numba.njit(**OPTIONS)(function)
