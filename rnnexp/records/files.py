"""Write files such that a crash or a power cut at any moment leaves them whole, and never through a link.

A folder of runs may come from elsewhere, and a link in it lead to a file that is none of its own. Whatever the
program writes into a run folder it writes by this module.
"""

import errno
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO

from rnnexp.errors import UserError

NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # nor a pipe, which would be waited for


def open_itself(path: Path, mode: str, encoding: str | None = None) -> IO:
    """Open a file, where it is one itself: OSError where the path is a link."""
    return open(
        path, mode, encoding=encoding, opener=lambda name, flags: os.open(name, flags | NO_LINK, 0o666)
    )


def from_home(path: str | os.PathLike[str]) -> Path:
    """Return a path with the home folder that a leading ~ stands for; UserError where it is nobody's."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(
            f"{path} begins with the home folder of nobody here: write the path in full"
        ) from error


ELSEWHERE = "take a folder that you may write in"  # what to do where no run can be
FULL = errno.ENOSPC, errno.EDQUOT  # of a disk, or of what a user may have of it


def make_folder(path: Path, remedy: str) -> None:
    """Make a folder, and those above, where it is not there; UserError, which says the remedy, where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path} ({error.strerror}): {remedy}") from error


@contextmanager
def replacing(path: Path, keep: Path | None = None) -> Iterator[BinaryIO]:
    """Yield a file that becomes `path` once its bytes are on the disk; the file that was there becomes `keep`.

    There is a file at `path` at any moment, where the disk knows two names for one.

    Raises
    ------
    OSError that names `path`, where it cannot be written; nothing is left then.
    """
    part = path.with_name(path.name + ".part")
    with suppress(OSError):
        part.unlink()  # left by a crash, or planted; what is there now must not be written to
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        if error.errno is not None and error.filename is None:  # of a write, which does not know its place
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    if keep and path.exists():
        keep.unlink(missing_ok=True)
        try:
            keep.hardlink_to(path)
        except OSError:
            path.replace(keep)
    part.replace(path)


def keep_copy(path: Path, copy: Path, as_link: bool) -> None:
    """Make `copy` have what `path` has, by a second name for the same bytes where the disk knows such.

    as_link : whether it may; only for a file that is never changed, but replaced.
    """
    copy.parent.mkdir(parents=True, exist_ok=True)
    if as_link:
        part = copy.with_name(f".{copy.name}.{os.getpid()}")
        with suppress(OSError):  # of another disk, or one without links
            part.unlink(missing_ok=True)
            part.hardlink_to(path)
            part.replace(copy)
            return
    with path.open("rb") as file, replacing(copy) as other:
        shutil.copyfileobj(file, other)


def overwrite(path: Path, text: str) -> None:
    """Write a short text in place of another, on a full disk where there is no room for both; not safe from a crash."""
    with open_itself(path, "r+b") as file:
        file.write(text.encode())
        file.truncate()


def replace_text(path: Path, text: str) -> None:
    """Write a text file as a whole or not at all."""
    with replacing(path) as file:
        file.write(text.encode())


def append_text(path: Path, text: str) -> None:
    """Add to a text file."""
    with open_itself(path, "a", "utf-8") as file:
        file.write(text)


def append_line(path: Path, value: Any) -> None:
    """Add a line of JSON, in place of a last line that a crash cut short."""
    with open_itself(path, "a+b") as file:
        if file.tell():
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
        file.write(json.dumps(value).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


class LogFile(logging.FileHandler):
    """Log to a file as the standard handler does, but never through a link."""

    def _open(self) -> Any:
        return open_itself(Path(self.baseFilename), self.mode, self.encoding)


def require_own(folder: Path) -> None:
    """Raise UserError where a folder holds anything but files and folders of its own."""
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except OSError:  # which reading it reports
        return
    for entry in entries:
        if entry.is_symlink():
            raise UserError(f"{entry.path} is a link, which could lead anywhere: put the file itself there")
        if not entry.is_file() and not entry.is_dir():
            raise UserError(f"{entry.path} is no file: remove it")
