"""Take the file out of the address of an SQLite store, and put it in: signs that mean something there are quoted."""

import os
import re
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import quote, unquote

SQLITE = "sqlite:///"
MAGIC = b"SQLite format 3\0"  # how such a file begins
PLAIN = " !$&'()*+,/:;=@~"  # besides letters, digits and -._~: these stand in an address as they are


def file_of(uri: str) -> Path | None:
    """Return the file of an SQLite store; None of another store."""
    if not uri.startswith(SQLITE):
        return None
    path = uri.removeprefix(SQLITE)
    # as it was written before there was quoting, where a file of that name is there
    return Path(path) if Path(path).exists() else Path(unquote(path))


def is_sqlite(file: Path) -> bool:
    """Return whether a file is SQLite's: by how it begins, or because there is nothing in it yet."""
    if not file.exists():
        return True
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) in (MAGIC, b"")


def uri_of(file: Path) -> str:
    """Return the address of an SQLite store, by its absolute path."""
    # not resolved, for a link may lead elsewhere later; but `..` and `.` are no other place
    path = os.path.abspath(file)  # noqa: PTH100
    return SQLITE + quote(path, safe=PLAIN)


def for_sqlalchemy(file: Path) -> str:
    """Return the address by which SQLAlchemy opens a file, whatever its folder is called.

    SQLAlchemy cannot quote: what follows a `?` is not part of the path. So it goes through a link to the folder.
    """
    path = file.absolute()
    if re.search("[?%#]", str(path.parent)):
        path = link_to(path.parent) / path.name
    return f"{SQLITE}{path}"


@cache
def link_to(folder: Path) -> Path:
    """Return a link to a folder, with a plain name, that lasts as long as the process."""
    links = tempfile.TemporaryDirectory(prefix="rnnexp_")
    LINKS.append(links)
    link = Path(links.name) / "folder"
    link.symlink_to(folder, target_is_directory=True)
    return link


LINKS: list[tempfile.TemporaryDirectory] = []  # removed with the process
