"""Find what run folders hold that nobody needs any more, and remove it."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rnnexp import tracking
from rnnexp.errors import UserError
from rnnexp.experiment import artifacts
from rnnexp.records import checkpoint, found, npz
from rnnexp.records.files import require_own
from rnnexp.records.folder import RunFolder
from rnnexp.records.lease import LEASE_S

CHECKPOINT, BEGINNING, TEMPORARY = "checkpoint", "beginning", "temporary"  # kinds of waste
STILL_WRITTEN_S = 3600.0  # so long after its last change nobody goes on with a file
# what a folder without a step of training can hold; what else lies there is the user's
OF_BEGINNINGS = {
    *("config.yaml", "tags.json", "provenance.jsonl", "state.json", "vocabulary.json", "label.json"),
    *("MLmodel", "records.jsonl", "steps.jsonl", "system.jsonl", "traceback.txt", "output.txt"),
    *("rnnexp.log", "samples.txt", "delivered.json", ".lock", ".delivery.lock"),
}
ENDED_EARLY = found.FAILED, found.INTERRUPTED, found.NOT_BEGUN


@dataclass(frozen=True)
class Waste:
    """Hold files of a run folder that nobody needs, and why.

    folder : of the run; None of a file outside. bytes : what the files take.
    """

    kind: str
    folder: RunFolder | None
    files: tuple[Path, ...]
    bytes: int


def waste_of(folder: RunFolder) -> Iterator[Waste]:
    """Yield what a run folder holds in vain: nothing where a process is at the run, or its files are damaged."""
    try:
        require_own(folder.path)
        fate = found.fate(folder)
        if fate in (found.RUNNING, found.DAMAGED):
            return
        if fate in ENDED_EARLY and is_beginning(folder):
            if since_change(folder.path) > LEASE_S:  # else a process may be about to begin
                yield made(BEGINNING, folder, files_in(folder))
            return
        parts = [path for path in folder.path.glob("*.part") if since_change(path) > STILL_WRITTEN_S]
        if parts:
            yield made(TEMPORARY, folder, parts)
        if fate == found.FINISHED and (left := needless_checkpoints(folder)):
            yield made(CHECKPOINT, folder, left)
    except (UserError, OSError):  # of a folder that cannot be read, or has just gone
        return


def made(kind: str, folder: RunFolder | None, files: list[Path]) -> Waste:
    """Return these files as waste."""
    return Waste(kind, folder, tuple(sorted(files)), sum(path.lstat().st_size for path in files))


def needless_checkpoints(folder: RunFolder) -> list[Path]:
    """Return what a finished run keeps beside its best weights, from which all else that is needed is read.

    None where something is damaged or lacking: it is made anew from the checkpoint.
    """
    last, best = folder.checkpoint_file, folder.best_file
    left = [path for path in (last, checkpoint.previous(last), checkpoint.previous(best)) if path.is_file()]
    if not left:
        return []
    try:
        npz.read_plain(best)
    except npz.DAMAGE:
        return []
    folder.load_config(), folder.tags(), folder.label(), folder.records(), folder.result()
    return [] if artifacts.lacking(folder) or folder.recovered else left


def is_beginning(folder: RunFolder) -> bool:
    """Return whether a run ended before there was anything to go on from, and its store knows what it will know."""
    names = {path.name for path in folder.path.iterdir()} - {"parts"}
    strange = {name for name in names - OF_BEGINNINGS if not name.endswith(".part")}
    if strange or folder.records():
        return False
    if not folder.config_file.exists():
        return True
    tracker = tracking.make(folder.load_config()["tracking"])
    return tracker is None or folder.to_deliver(tracker.uri) is None


def temporary_files(top: Path) -> Iterator[Waste]:
    """Yield the files that a download or a report has left unfinished in a folder of runs."""
    for place in "data", "reports":
        for path in sorted((top / place).rglob("*.part")):
            with suppress(OSError):
                if path.is_file() and not path.is_symlink() and since_change(path) > STILL_WRITTEN_S:
                    yield made(TEMPORARY, None, [path])


def since_change(path: Path) -> float:
    """Return the seconds since a file, or what is in a folder, was changed."""
    return time.time() - path.stat().st_mtime


def is_still(waste: Waste, folder: RunFolder) -> bool:
    """Return whether a run folder, which is locked, still holds waste in vain: the user may think long of an answer."""
    fate = found.fate(folder)
    if waste.kind == BEGINNING:
        return fate in ENDED_EARLY and is_beginning(folder)
    if waste.kind == CHECKPOINT:
        return fate == found.FINISHED and {*waste.files} <= {*needless_checkpoints(folder)}
    return fate != found.RUNNING and all(since_change(path) > STILL_WRITTEN_S for path in waste.files)


def files_in(folder: RunFolder) -> list[Path]:
    """Return all files of a run folder."""
    return [path for path in folder.path.rglob("*") if path.is_file()]


def remove(waste: Waste) -> None:
    """Remove waste, unless a process has come to the run meanwhile or its files have changed.

    Raises
    ------
    UserError, OSError where it cannot be removed.
    """
    if waste.folder is None:
        for path in waste.files:
            path.unlink(missing_ok=True)
        return
    with waste.folder.locked():  # nobody begins with the run meanwhile
        if not is_still(waste, waste.folder):
            raise UserError(f"{waste.folder} is in use by now, or was since: it is left as it is")
        for path in files_in(waste.folder) if waste.kind == BEGINNING else waste.files:
            path.unlink(missing_ok=True)
    if waste.kind == BEGINNING:
        for path in [*waste.folder.path.glob("parts"), waste.folder.path]:
            path.rmdir()
