"""Find what lay beside a run folder beside it again, where both were moved: paths in a config are absolute."""

from pathlib import Path
from typing import Any

from rnnexp.records.sqlite import file_of, uri_of


def config(values: dict[str, Any], before: Path, now: Path) -> dict[str, Any]:
    """Return a config whose paths lead to what was moved together with its run folder.

    before, now : the run folder. Where the one before is still there, nothing was moved.
    """
    if before == now or before.exists():
        return values
    return {key: value_of(value, *roots(before, now)) for key, value in values.items()}


def roots(before: Path, now: Path) -> tuple[Path, Path]:
    """Return the folder that was moved, as it was and as it is: what differs of two paths, from the left."""
    while before.name == now.name and before != before.parent and now != now.parent:
        before, now = before.parent, now.parent
    return before, now


def value_of(value: Any, before: Path, now: Path) -> Any:
    """Return a value, or a section of them, with its paths into a folder that was moved as they are now."""
    if isinstance(value, dict):
        return {key: value_of(inner, before, now) for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    file = file_of(value) or Path(value)
    if not file.is_absolute() or file.exists() or not file.is_relative_to(before):
        return value
    found = now / file.relative_to(before)
    return uri_of(found) if file_of(value) else str(found)
