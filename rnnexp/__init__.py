"""Compare recurrent language models, whose gradients are written by hand.

`rnnexp.train`, `rnnexp.load` and `rnnexp.compare` do from Python what the command `rnnexp` does; they raise
`rnnexp.UserError`, a ValueError, for what the caller can mend.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnexp.api.comparison import compare
    from rnnexp.api.train import load, train
    from rnnexp.errors import UserError

__version__ = "0.1.0"
__all__ = ["UserError", "compare", "load", "train"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is, for the command and its jobs need none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "UserError":
        from rnnexp.errors import UserError

        return UserError
    from rnnexp.api import comparison, train

    return getattr(comparison if name == "compare" else train, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
