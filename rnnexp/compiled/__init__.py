"""The time loops of the cells compiled by numba: the same maths, without Python between the steps.

An extra: where numba is not installed, or a cell has no compiled loops, the loops of `cells.base` run. These
are what the compiled ones are tested against.
"""

import importlib
import importlib.util
from types import ModuleType

from rnnexp.errors import UserError

INSTALL = "pip install 'rnnexp[compiled]'"


def available() -> bool:
    return importlib.util.find_spec("numba") is not None


def loops(name: str) -> ModuleType | None:
    """The module with `forward` and `backward` of the class of cells called so; None where there is none."""
    if not available():
        raise UserError(f"compiled=true needs numba: {INSTALL}, or say compiled=false")
    name = f"{__name__}.{name.lower()}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None
