"""Write files such that a crash or a power cut at any moment leaves them whole."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

FULL = errno.ENOSPC, errno.EDQUOT  # of a disk, or of what a user may have of it


@contextmanager
def replacing(path: Path, keep: Path | None = None) -> Iterator[BinaryIO]:
    """Yield a file that becomes `path` once its bytes are on the disk; the file that was there becomes `keep`.

    Raises
    ------
    OSError that names `path`, where it cannot be written; nothing is left then.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        if (
            error.errno is not None and error.filename is None
        ):  # of a write, which does not know where it goes
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    if keep and path.exists():
        path.replace(keep)
    part.replace(path)


def overwrite(path: Path, text: str) -> None:
    """Write a short text in place of another, on a full disk where there is no room for both; not safe from a crash."""
    with path.open("r+b") as file:
        file.write(text.encode())
        file.truncate()


def replace_text(path: Path, text: str) -> None:
    """Write a text file as a whole or not at all."""
    with replacing(path) as file:
        file.write(text.encode())


def append_line(path: Path, value: Any) -> None:
    """Add a line of JSON, in place of a last line that a crash cut short."""
    with path.open("a+b") as file:
        if file.tell():
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
        file.write(json.dumps(value).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
