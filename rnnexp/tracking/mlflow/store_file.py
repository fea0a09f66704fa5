"""Open the SQLite file of an MLflow store, one process at a time: whole, or made elsewhere and put into place.

MLflow makes its tables in many steps. A process that is killed between two of them leaves a file that MLflow
can neither use nor finish.
"""

import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from rnnexp.errors import UserError
from rnnexp.output import number

log = logging.getLogger(__name__)
# seconds to wait for others at the same store: who is next is left to chance, and with 64 that write all the time,
# half a second each, the unlucky wait for minutes
PATIENCE_S = 600.0
CUT_OFF = "_alembic_tmp_"  # how tables begin that MLflow has only between two of its steps


@contextmanager
def alone_with(file: Path, fill: Callable[[Path], None]) -> Iterator[Path]:
    """Keep others from a store within the context; yield the folder for its artifacts.

    Several processes on a fresh file crash in MLflow's migrations, and MLflow leaves SQLite in a
    journal mode in which readers and writers block each other.

    Parameters
    ----------
    fill : makes MLflow's tables in a new file.

    Raises
    ------
    UserError where the store was left half-made, with runs in it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock", timeout=PATIENCE_S):
        if file.exists() and is_half_made(file):
            set_aside(file)
        if not file.exists():
            make_elsewhere(file, fill)
        artifacts = file.parent.absolute() / "artifacts"
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            follow_move(database, artifacts)
        yield artifacts


def make_elsewhere(file: Path, fill: Callable[[Path], None]) -> None:
    """Make a store in a folder beside, and put it into place when it is whole."""
    # left by a process that was killed, for this one has the lock
    for left in file.parent.glob(f".{file.name}.making-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.making-", dir=file.parent) as place:
        made = Path(place).absolute() / file.name
        fill(made)
        with made.open("rb") as written:
            os.fsync(written.fileno())
        for part in "-wal", "-shm", "-journal":  # of a store that was removed: not of this one
            file.with_name(file.name + part).unlink(missing_ok=True)
        made.replace(file)


def is_half_made(file: Path) -> bool:
    """Return whether a file has tables, or none, that MLflow was making when it was cut off."""
    with closing(sqlite3.connect(file)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables or any(name.startswith(CUT_OFF) for name in tables):
            return True
        # MLflow notes the version of its tables at the end of each step
        if "alembic_version" not in tables:
            return "experiments" in tables or "runs" in tables
        return not database.execute("SELECT count(*) FROM alembic_version").fetchone()[0]


def set_aside(file: Path) -> None:
    """Rename a half-made store that has no runs; UserError where it has some, or they cannot be counted."""
    runs = 0
    with closing(sqlite3.connect(file)) as database:
        for table in "runs", f"{CUT_OFF}runs":
            try:
                runs += database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            except sqlite3.OperationalError:  # no such table
                continue
    if runs:
        raise UserError(
            f"{file} is a store whose change to another MLflow was cut off, with {number(runs, 'run')} in it: put a "
            "copy of it from before in its place, or move it away: rnnexp sync FOLDER delivers the runs to a new one"
        )
    aside = file.with_name(f"{file.name}.half-made")
    file.replace(aside)
    log.warning(
        f"{file} was half-made by a process that was cut off, without runs: now {aside.name}, made anew"
    )


def follow_move(database: sqlite3.Connection, artifacts: Path) -> None:
    """Have the records of a store that was moved name the folder of artifacts beside it, not one that is gone."""
    try:
        locations = [at for (at,) in database.execute("SELECT artifact_location FROM experiments") if at]
    except sqlite3.OperationalError:  # no MLflow store: MLflow says so
        return
    for root in {location.rpartition("/")[0] for location in locations}:
        before = Path(unquote(urlsplit(root).path))
        ours = root.startswith("file:") and before.name == "artifacts" and before != artifacts
        if not ours or before.exists():
            continue
        for table, column in ("experiments", "artifact_location"), ("runs", "artifact_uri"):
            database.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                (artifacts.as_uri(), len(root) + 1, len(root) + 1, f"{root}/"),
            )
        database.commit()
        log.warning(f"the store was moved: its artifacts are now those in {artifacts}, no longer {before}")
