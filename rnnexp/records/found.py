"""Find run folders, and say how each run stands, without changing anything."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from rnnexp.errors import UserError
from rnnexp.records.folder import RunFolder

OF_STORES = "artifacts"  # a folder with copies of what runs wrote
SIGNS = {"state.json", "config.yaml", "label.json", "rnnexp.log"}  # of a run folder, any of them

RUNNING, FINISHED, FAILED = "running", "finished", "failed"
INTERRUPTED, PRUNED = "interrupted", "pruned"  # goes on by its command; stopped for good by a search
PREPARED, NOT_BEGUN = "prepared", "not begun"  # for another machine; named by a sweep, no more
DAMAGED = "damaged"


def run_folders(tops: Iterable[Path], study: str | None = None) -> Iterator[RunFolder]:
    """Yield the run folders in these folders, in order and each once; of one study where it is named.

    Raises
    ------
    UserError where one is no folder, or there is no run.
    """
    seen: set[str] = set()
    for top in tops:
        require_folder(top)
        for place, folders, files in os.walk(top.absolute()):
            folders[:] = sorted(name for name in folders if name != OF_STORES)
            if SIGNS & set(files):
                folders.clear()
                if study in (None, Path(place).parent.name):
                    if (itself := os.path.realpath(place)) in seen:  # below another of these folders too
                        continue
                    seen.add(itself)
                    yield RunFolder(Path(place))
    if not seen:
        named = f"study={study} has" if study else "there are"
        raise UserError(f"{named} no runs in {', '.join(map(str, tops))}")


def require_folder(top: Path) -> None:
    """Raise UserError where a path leads to no folder, with the one that was meant where it is a study's name."""
    if not top.is_dir():
        study = "runs" / top
        meant = f"did you mean {study}?" if study.is_dir() else "name that which holds the runs"
        raise UserError(f"{top} is no folder: {meant}")


def is_run(path: Path) -> bool:
    """Return whether a path leads to a run folder."""
    return any((path / sign).is_file() for sign in SIGNS)


def runs_of(study: Path) -> list[RunFolder]:
    """Return the run folders right in a folder, in order; none where it is no folder."""
    with suppress(OSError):
        return [RunFolder(path.absolute()) for path in sorted(study.iterdir()) if is_run(path)]
    return []


def fate(folder: RunFolder) -> str:
    """Return how a run stands, one of the words above."""
    with suppress(UserError, OSError):
        state = folder.state()
        if not state:
            kept = {FINISHED: folder.result_file, PREPARED: folder.config_file}
            return next((word for word, file in kept.items() if file.exists()), NOT_BEGUN)
        if state["status"] == "RUNNING" and folder.alive(state):
            return RUNNING
        if folder.result_file.exists():
            return FINISHED
        if state["status"] == "FAILED":
            return FAILED
        return PRUNED if "rnnexp.pruned" in folder.tags() else INTERRUPTED
    return DAMAGED


def disk(folder: RunFolder) -> int:
    """Return the bytes of the files in a run folder; those that have just gone are left out."""
    total = 0
    for file in folder.path.rglob("*"):
        with suppress(OSError):
            total += file.lstat().st_size if file.is_file() else 0
    return total
