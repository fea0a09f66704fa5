"""Keep what was measured within the epochs of a run: steps.jsonl, a line for each time that there is something."""

import json
import logging
from typing import Any

from rnnexp.records import reading
from rnnexp.records.files import append_line, replace_text
from rnnexp.records.folder import RunFolder

log = logging.getLogger(__name__)


def append(folder: RunFolder, record: dict[str, Any]) -> None:
    """Add a line to those of the run that this process holds."""
    with folder.exclusive():
        append_line(folder.steps_file, record)


def drop_after(folder: RunFolder, step: int) -> None:
    """Drop what lies beyond the step from which the run goes on, for it measures that again."""
    try:
        before = folder.steps()
    except reading.Damaged as error:
        log.warning(f"{error}: its curves begin anew")
        before = [{"step": step + 1}]
    kept = [record for record in before if record["step"] <= step]
    if kept != before:
        write(folder, kept)


def write(folder: RunFolder, records: list[dict[str, Any]]) -> None:
    """Replace all lines."""
    with folder.exclusive():
        replace_text(folder.steps_file, "".join(f"{json.dumps(record)}\n" for record in records))
