"""Make the text of a run, or take what was made ahead: by this process, or by the one that it was forked from."""

import json
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from rnnexp.data.corpus import Corpus
from rnnexp.errors import UserError
from rnnexp.experiment.config import keys_of_choice, make_chosen
from rnnexp.options import PathTo

MOST = 4  # texts that are kept at a time
OURS = logging.getLogger("rnnexp")


class Kept(NamedTuple):
    """Hold a text, and what was logged when it was made: level and message."""

    corpus: Corpus
    said: list[tuple[int, str]]


KEPT: dict[str, Kept] = {}  # by the section that asks for it
ASKED: deque[str] = deque(maxlen=MOST)


def of(section: Mapping[str, Any]) -> Corpus:
    """Return the text that the section `dataset` of a config asks for; what is to be said of it is logged.

    Raises
    ------
    UserError where it cannot be made.
    """
    kept = KEPT.pop(key_of(section), None)
    if not kept:
        return make_chosen("dataset", section)
    for level, message in kept.said:
        OURS.log(level, "%s", message)
    return kept.corpus


def ahead(section: Mapping[str, Any]) -> Corpus:
    """Return the text of a section, and keep it for the run that this process does next; UserError as of `of`."""
    kept = KEPT[key_of(section)] = made(section)
    return kept.corpus


def keep(section: Mapping[str, Any]) -> None:
    """Make the text of a section for the processes forked from this one, where several ask for it.

    The first does it by itself, meanwhile this process can fork others. Whoever asks for one that cannot be made
    says why.
    """
    key = key_of(section)
    if key in KEPT:
        return
    if key not in ASKED:
        ASKED.append(key)
        return
    try:
        kept = made(section)
    except (UserError, OSError, MemoryError):
        return
    if len(KEPT) == MOST:
        del KEPT[next(iter(KEPT))]
    KEPT[key] = kept


def made(section: Mapping[str, Any]) -> Kept:
    """Make the text of a section; what is to be said of it is kept, and not logged."""
    said, before = Said(), (OURS.handlers, OURS.level, OURS.propagate)
    OURS.handlers, OURS.propagate = [said], False
    OURS.setLevel(logging.INFO)  # as in a run
    try:
        return Kept(make_chosen("dataset", section), said.lines)
    finally:
        OURS.handlers, level, OURS.propagate = before
        OURS.setLevel(level)


class Said(logging.Handler):
    """Gather what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelno, record.getMessage()))


def key_of(section: Mapping[str, Any]) -> str:
    """Return a text that is the same for the same section, while its file is as it was.

    Only a file of the user's can change: those of other data sets are known by their sha256.
    """
    keys = keys_of_choice("dataset", section["name"])
    files = [section.get(name) for name, key in keys.items() if key.option.path is PathTo.FILE]
    return json.dumps([section, [stamp_of(Path(file)) for file in files if file]], sort_keys=True)


def stamp_of(file: Path) -> list[int]:
    """Return what changes with the content of a file; nothing where it is not there."""
    with suppress(OSError):
        found = file.stat()
        return [found.st_mtime_ns, found.st_size, found.st_ino]
    return []
