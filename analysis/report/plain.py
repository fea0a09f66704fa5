"""Make what others wrote safe to show: text stays text, and a number that is none becomes null."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from math import isfinite
from typing import Any

import numpy as np

from rnnexp.output import visible


def plain(value: Any) -> Any:
    """Return a value as JSON has it: plain types, `visible` texts, and None for what is not finite."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {visible(str(key)): plain(own) for key, own in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [plain(own) for own in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    return visible(str(value))
