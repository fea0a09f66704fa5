"""Raise a user's mistake where the user made it, without the way that it took through the package."""

from collections.abc import Callable
from functools import wraps
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from rnnexp.errors import UserError, explained, is_mistake
from rnnexp.records.files import from_home

P = ParamSpec("P")
R = TypeVar("R")


def plainly(function: Callable[P, R]) -> Callable[P, R]:
    """Have a mistake shown as a UserError with two frames, the user's call and this one, and without its causes.

    A folder that cannot be made, say, is an OSError where it is found out, and here a mistake like any other.
    With HYDRA_FULL_ERROR=1 in the environment it is raised as it is.
    """

    @wraps(function)
    def plain(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if isinstance(error, MemoryError) or not is_mistake(error):
                raise
            mistake = error if isinstance(error, UserError) else UserError(explained(error))
            raise mistake.with_traceback(None) from None

    return plain


def path_of(name: str, value: Any) -> Path:
    """Return an argument that names a folder as a path from the root; UserError where it is none."""
    if not isinstance(value, str | PathLike) or not str(value):  # "" would be the current folder
        raise UserError(f"{name}={value!r} must be a path, as in {name}='runs/mine'")
    return from_home(value).absolute()


def require_text(name: str, value: Any) -> None:
    """Raise UserError where an argument is no text."""
    if not isinstance(value, str):
        raise UserError(f"{name}={value!r} must be a text")


def whole_number(name: str, value: Any) -> int:
    """Return an argument as a whole number of Python's; UserError where it is none."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise UserError(f"{name}={value!r} must be a whole number")
    return int(value)  # for -value of one of NumPy's without a sign is another number


def any_number(name: str, value: Any) -> float:
    """Return an argument as a number of Python's; UserError where it is none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UserError(f"{name}={value!r} must be a number")
    return float(value)


def axes_or_new(ax: Any) -> Any:
    """Return an argument `ax`, or new axes where it is None; UserError where nothing can be drawn on it."""
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(layout="constrained")
    if not hasattr(ax, "plot"):
        raise UserError(f"ax={ax!r} must be axes of Matplotlib, as plt.subplots() returns")
    return ax
