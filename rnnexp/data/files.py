"""Read the files of a data set: checked, downloaded where need be, and with errors that say what to do."""

import hashlib
import http.client
import os
import stat
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, BinaryIO

from rnnexp.errors import UserError
from rnnexp.options import Option, path_to_folder

Url = Annotated[str, Option("address from which the files are downloaded", defines_result=False)]
Cache = Annotated[str, path_to_folder("where a download is kept")]


def read_bytes(path: Path) -> bytes:
    """Return the content of a file that the user named; UserError where it cannot be read, or only once."""
    with opened(path) as file:
        return file.read()


def require_readable(path: Path) -> None:
    """Raise UserError where a file that the user named is empty, cannot be read, or only once."""
    with opened(path) as file:
        if not file.read(1):
            raise UserError(f"{path} is empty")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that the user named, to be read; UserError where that cannot be, or only once."""
    try:
        require_file(path)
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def decoded(data: bytes, named: str) -> str:
    """Return the text of a file in UTF-8; UserError, which begins with its name, where it is not."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UserError(
            f"{named} is not UTF-8: byte {data[error.start]:#04x} at offset {error.start}; "
            f"convert it, with iconv -t utf-8 for instance"
        ) from error


def require_file(path: Path) -> None:
    """Raise UserError where a path leads to a folder, or to what can be read only once and may be waited for."""
    if not stat.S_ISREG(path.stat().st_mode):
        what = "name a file in it" if path.is_dir() else "save what it gives to a file and name that"
        raise UserError(f"cannot read {path}: it is a {kind_of(path)}; {what}")


def require_in(folder: Path, name: str, or_download: bool = False) -> None:
    """Raise UserError where a data set's folder lacks a file, or that cannot be read.

    or_download : whether the data set is downloaded where the user names no folder.
    """
    if not (folder / name).exists():
        more = ", or leave both out for a download" if or_download else ""
        raise UserError(
            f"dataset.dir={folder} holds no {name}: name the folder that does, by dataset.dir or data.root{more}"
        )
    require_readable(folder / name)


def kind_of(path: Path) -> str:
    """Return what a path leads to that is no file, in a word."""
    return "folder" if path.is_dir() else "pipe" if path.is_fifo() else "device"


def require_counts(path: Path, found: dict[str, int], expected: dict[str, int]) -> None:
    """Raise UserError where a file of a data set has other counts than the data set."""
    for name, number in expected.items():
        if found[name] != number:
            raise UserError(
                f"{path} has {found[name]:,} {name}, the data set {number:,}: take the file of the data set"
            )


def read_checked(name: str, sha256: str, folder: str | None, cache: Path, url: str) -> str:
    """Return the text of a known file, from the user's folder or from a download kept in `cache`.

    Raises
    ------
    UserError where the file is missing, cannot be downloaded or has another sha256.
    """
    path = (Path(folder) if folder else cache) / name
    if folder:
        require_in(Path(folder), name, or_download=True)
    elif not path.exists():
        download(f"{url}/{name}", path, sha256)
    data = read_bytes(path)
    remedy = (
        "get the file again, or leave dataset.dir out for a download" if folder else "delete it and run again"
    )
    check(data, str(path), sha256, remedy)
    return data.decode()


def check(data: bytes, origin: str, sha256: str, remedy: str) -> None:
    """Raise UserError where the sha256 of `data` is another."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise UserError(
            f"{origin} is truncated or altered: its sha256 is {found}, "
            f"that of the data set is {sha256}; {remedy}"
        )


def download(url: str, path: Path, sha256: str) -> None:
    """Fetch a file to a temporary name beside `path`, check it, then give it its name."""
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            data = response.read()
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise UserError(
            f"cannot download {url} ({reason}): put {path.name} into a folder and name it with dataset.dir"
        ) from error
    check(data, url, sha256, "the download was cut short or the address holds another file; run again")
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        with part.open("xb") as file:  # never through a link
            file.write(data)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise UserError(
            f"cannot keep the download as {path} ({error.strerror}): name another folder by dataset.cache"
        ) from error
