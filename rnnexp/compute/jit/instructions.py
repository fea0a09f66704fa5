"""Write LLVM's instructions for compiled code, where numba has no function for what a processor can do."""

from typing import Any

from numba.extending import intrinsic


def instructions(function: Any) -> Any:
    """Return a function for compiled code, whose instructions `function` writes."""
    return intrinsic(prefer_literal=True)(function)
