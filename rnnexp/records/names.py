"""Say what a name must be that becomes a part of a path."""

import re
from collections.abc import Mapping

from rnnexp.errors import UserError

# what conf/cell/ calls a cell with one option of its own: (cell, option, value) -> name
CELLS_BY_OPTION = {("lstm", "forget_bias", 0.0): "lstm_dlfs2"}
# bytes, of which a letter beyond ASCII has several: file systems take 255, and something is added
LONGEST = 200
MEANING = f"at most {LONGEST} letters, digits, '.', '_', '-', the first no sign"


def is_name(text: str) -> bool:
    """Return whether a text can stand in a path as one folder, which is none of those above."""
    return re.fullmatch(r"\w[\w.-]*", text) is not None and len(text.encode()) <= LONGEST


def require_name(key: str, value: object) -> None:
    """Raise UserError where the value of a key is no name."""
    if not isinstance(value, str) or not is_name(value):
        raise UserError(f"{key}={value} must be {MEANING}")


def cell_name(name: str, options: Mapping[str, object]) -> str:
    """Return what a cell with these options is called in conf/cell/, values being numbers or texts of them."""
    for (cell, option, value), called in CELLS_BY_OPTION.items():
        if name == cell and str(options.get(option)) in (str(value), f"{value:g}"):
            return called
    return name
