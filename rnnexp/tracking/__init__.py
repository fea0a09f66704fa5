"""Deliver the records of runs to stores: one file a tracker, and the process that does the work."""

from pathlib import Path
from typing import Any

from rnnexp.errors import UserError, about
from rnnexp.options import found_by_file
from rnnexp.tracking.base import Tracker

TRACKERS = found_by_file(__name__, __path__, apart=["client", "worker"])


def make(section: dict[str, Any]) -> Tracker | None:
    """Return the tracker of a config's section `tracking`; None where it names none.

    Raises
    ------
    UserError where there is no such tracker, or an option is missing or impossible.
    """
    if section["name"] not in TRACKERS:
        raise UserError(f"tracking.name={section['name']} is not known: it must be {' or '.join(TRACKERS)}")
    options = {key: value for key, value in section.items() if key != "name"}
    return TRACKERS[section["name"]](**options)


def folder_of(run_id: str, uri: str, name: str = "mlflow") -> Path:
    """Return the run folder of a run, given the id that a store has for it; UserError where there is none."""
    tracker = make({"name": name, "uri": uri})
    with about(f"uri={uri}"):
        folder = tracker.folder_of(run_id) if tracker else None
    if folder is None:
        raise UserError(f"run={run_id} is neither a run folder nor the id of a run in {uri}")
    return folder
