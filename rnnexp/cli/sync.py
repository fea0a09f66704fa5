"""Deliver what run folders hold to their stores.

rnnexp sync FOLDER [FOLDER ...] [uri=STORE] [tracking=NAME]

Each FOLDER is a run folder, or holds run folders at any depth: `runs/`, say, or what was brought from
another machine. uri: the store, tracking: the kind of it; by default those of each run's config. A run without a
tracker goes to MLflow. What a store has got already stays as it is. A run whose process ended without
recording its status is marked as killed.
"""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rnnexp import tracking
from rnnexp.command import arguments
from rnnexp.errors import UserError, explained
from rnnexp.output import number, say
from rnnexp.records.folder import RunFolder
from rnnexp.records.found import require_folder
from rnnexp.records.redaction import holding, redact
from rnnexp.tracking import Tracker
from rnnexp.tracking.base import DELETED, DELIVERED, THERE

HELD = "held a password, and does no longer: change the password, for stores and copies may hold it too"
DEFAULT = "mlflow"  # the tracker of a run that was made without one


@dataclass
class Options:
    """Hold the options of the command, without the folders."""

    uri: str | None = None
    tracking: str | None = None


def sync(folders: list[Path], uri: str | None, name: str | None = None) -> Counter[str]:
    """Deliver the runs in the folders; return how many were delivered, there, deleted there, go on, or failed.

    The reason why a run could not be delivered is printed on stderr.
    """
    for given in folders:
        require_folder(given)
    signs = "state.json", "records.jsonl", "result.json"  # any of them may be lost
    found = sorted(
        {file.parent for given in folders for sign in signs for file in given.rglob(sign) if file.is_file()}
    )
    if not found:
        raise UserError(f"there are no run folders in {', '.join(map(str, folders))}")

    counts: Counter[str] = Counter()
    for path in found:
        folder = RunFolder(path.absolute())
        try:
            for file in redact(folder):
                say(f"{file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file} {HELD}")
            tracker = tracker_of(folder, uri, name)
            if not folder.state():
                raise UserError("its state.json is gone: the command that began the run makes it anew")
            folder.mark_dead()
            new = folder.to_deliver(tracker.uri)
            outcome = tracker.deliver(folder) or (DELIVERED if new else THERE)
            if outcome == DELIVERED and not folder.state()["ended"]:
                outcome = "delivered so far, still running"
            if outcome == DELETED:
                say(f"{path}: {outcome}")
            counts[outcome] += 1
        except Exception as error:  # whatever a store, a network or a server can raise; the others go on
            counts["not delivered"] += 1
            say(f"{path}: {explained(error)}", file=sys.stderr)
    for file in holding(folders):
        say(
            f"{file} holds a password, and is not changed: delete it, or change the password", file=sys.stderr
        )
    return counts


def tracker_of(folder: RunFolder, uri: str | None, name: str | None) -> Tracker:
    """Return the tracker of a run: as its config says, but with `uri` and `name` where they are given.

    A run that was made without a tracker goes to that of `DEFAULT`.
    """
    section = folder.load_config()["tracking"]
    given = "" if section["name"] == "none" else section["name"]
    chosen = name or given or DEFAULT
    store = uri or (section.get("uri") if chosen == given or not given else None)
    if not store:
        raise UserError("its config names no tracking.uri for it: give uri=")
    options = section if chosen == given else {}
    tracker = tracking.make(options | {"name": chosen, "uri": store})
    if tracker is None:
        raise UserError(f"tracking={chosen} keeps no records: name another")
    return tracker


def run(given: list[str]) -> int:
    """Deliver the runs in the folders that the arguments name; return 1 where one could not be delivered, else 0."""
    folders, settings = arguments.split_paths(given, Options)
    options = arguments.read(settings, Options)
    if not folders:
        raise UserError("name a folder: rnnexp sync runs/")
    trackers = sorted(tracking.TRACKERS.keys() - {"none"})
    if options.tracking and options.tracking not in trackers:
        raise UserError(f"tracking={options.tracking} keeps no records: there is {' or '.join(trackers)}")
    counts = sync(folders, options.uri, options.tracking)
    say(f"{number(counts.total(), 'run')}: {', '.join(f'{count} {what}' for what, count in counts.items())}")
    return int(counts["not delivered"] > 0)
