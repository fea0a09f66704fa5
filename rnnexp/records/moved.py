"""Find what lay beside a run folder beside it again, where both were moved: paths in a config are absolute."""

from functools import partial
from pathlib import Path
from typing import Any

from rnnexp.records.digests import with_texts
from rnnexp.records.sqlite import file_of, uri_of


def config(values: dict[str, Any], before: Path, now: Path) -> dict[str, Any]:
    """Return a config whose paths lead to what was moved together with its run folder.

    before, now : the run folder. Where the one before is still there, nothing was moved.
    """
    if before == now or before.exists():
        return values
    return with_texts(partial(path_now, *roots(before, now)), values)


def roots(before: Path, now: Path) -> tuple[Path, Path]:
    """Return the folder that was moved, as it was and as it is: what differs of two paths, from the left."""
    while before.name == now.name and before != before.parent and now != now.parent:
        before, now = before.parent, now.parent
    return before, now


def path_now(before: Path, now: Path, text: str) -> str:
    """Return a text; where it is a path into a folder that was moved, as that is now."""
    file = file_of(text) or Path(text)
    if not file.is_absolute() or file.exists() or not file.is_relative_to(before):
        return text
    found = now / file.relative_to(before)
    return uri_of(found) if file_of(text) else str(found)
