"""Say what a name must be that becomes a part of a path."""

import re

from rnnexp.errors import UserError

MEANING = "letters, digits, '.', '_', '-', the first no sign"


def is_name(text: str) -> bool:
    """Return whether a text can stand in a path as one folder, which is none of those above."""
    return re.fullmatch(r"\w[\w.-]*", text) is not None


def require_name(key: str, value: object) -> None:
    """Raise UserError where the value of a key is no name."""
    if not isinstance(value, str) or not is_name(value):
        raise UserError(f"{key}={value} must be {MEANING}")
