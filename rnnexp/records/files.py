"""Write files such that a crash or a power cut at any moment leaves them whole."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def replacing(path: Path, keep: Path | None = None) -> Iterator[BinaryIO]:
    """Yield a file that becomes `path` once its bytes are on the disk; the file that was there becomes `keep`."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    if keep and path.exists():
        path.replace(keep)
    part.replace(path)


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
