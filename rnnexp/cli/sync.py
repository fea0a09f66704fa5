"""Deliver what run folders hold to their stores.

python -m rnnexp.cli.sync FOLDER [FOLDER ...] [uri=STORE]

Each FOLDER is a run folder, or holds run folders at any depth: `runs/`, say, or what was brought from
another machine. uri: the store, by default tracking.uri of each run's config; a run without a tracker goes to
MLflow. What a store has got already stays as it is. A run whose process died unnoticed is marked as killed.
"""

import sys
from collections import Counter
from pathlib import Path

from rnnexp import tracking
from rnnexp.errors import UserError, one_line
from rnnexp.records.folder import RunFolder
from rnnexp.tracking import Tracker

DEFAULT = "mlflow"  # the tracker of a run that was made without one


def sync(folders: list[Path], uri: str | None) -> Counter[str]:
    """How many runs were delivered, were there already, go on, or could not be delivered; says why not."""
    for given in folders:
        if not given.is_dir():
            raise UserError(f"{given} is no folder")
    counts: Counter[str] = Counter()
    found = sorted({state.parent for given in folders for state in given.rglob("state.json")})
    for path in found:
        folder = RunFolder(path.absolute())
        try:
            tracker = tracker_of(folder, uri)
            folder.mark_dead()
            if not folder.to_deliver(tracker.uri):
                counts["there already"] += 1
                continue
            tracker.deliver(folder)
            counts["delivered" if folder.state()["ended"] else "delivered so far, still running"] += 1
        except Exception as error:  # whatever a store, a network or a server can raise; the others go on
            counts["not delivered"] += 1
            print(f"{path}: {one_line(error) or type(error).__name__}", file=sys.stderr)
    if not found:
        raise UserError(f"there are no run folders in {', '.join(map(str, folders))}")
    return counts


def tracker_of(folder: RunFolder, uri: str | None) -> Tracker:
    """Return the tracker that a run names; of one without, that of MLflow. `uri` goes before its own."""
    section = folder.load_config()["tracking"]
    store = uri or section.get("uri")
    if not store:
        raise UserError("its config names no tracking.uri: give uri=")
    name = DEFAULT if section["name"] == "none" else section["name"]
    tracker = tracking.make(section | {"name": name, "uri": store})
    assert tracker
    return tracker


def main() -> None:
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(__doc__))
    stores = [argument for argument in sys.argv[1:] if argument.startswith("uri=")]
    folders = [Path(argument) for argument in sys.argv[1:] if argument not in stores]
    if not folders:
        sys.exit("rnnexp.cli.sync: name a folder: python -m rnnexp.cli.sync runs/")
    try:
        counts = sync(folders, stores[-1].removeprefix("uri=") if stores else None)
    except (UserError, OSError) as error:
        sys.exit(f"rnnexp.cli.sync: {one_line(error)}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(f"{counts.total()} runs: {', '.join(f'{number} {what}' for what, number in counts.items())}")
    sys.exit(bool(counts["not delivered"]))


if __name__ == "__main__":
    main()
