"""Raise a user's mistake where the user made it, without the way that it took through the package."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from rnnexp.errors import UserError, is_mistake

P = ParamSpec("P")
R = TypeVar("R")


def plainly(function: Callable[P, R]) -> Callable[P, R]:
    """Have a UserError of a function shown with two frames, the user's call and this one, and without its causes.

    With HYDRA_FULL_ERROR=1 in the environment it is raised as it is.
    """

    @wraps(function)
    def plain(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            if not is_mistake(error):
                raise
            raise error.with_traceback(None) from None

    return plain
