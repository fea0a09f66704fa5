"""Write and read checkpoints, arrays and JSON in one npz file, such that a crash at any moment leaves a good one.

A file is written beside its target, flushed to the disk and renamed; the file before it is kept. Every member
of an npz carries a CRC-32, by which reading finds out a file that was cut short or altered. Nothing is
pickled.
"""

import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.errors import UserError, one_line
from rnnexp.records.files import replacing
from rnnexp.records.npz import DAMAGE, Npz, read_plain

log = logging.getLogger(__name__)


def write(path: Path, arrays: dict, meta: dict) -> None:
    """Replace `path` by a file of these arrays and of a dictionary that JSON can hold; keep the file before it."""
    encoded = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    with replacing(path, keep=previous(path)) as file:
        np.savez(file, **arrays, meta=encoded)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def previous(path: Path) -> Path:
    """Return the path at which the file before the last is kept."""
    return path.with_name(path.name + ".previous")


def read(path: Path) -> tuple[dict, dict]:
    """Return the arrays and the dictionary of a file; where it is damaged, warn and return those of the file before.

    Raises
    ------
    UserError where neither file can be read, FileNotFoundError where neither exists.
    """
    if not path.exists() and not previous(path).exists():
        raise FileNotFoundError(path)
    for candidate in path, previous(path):
        try:
            arrays = read_plain(candidate)
            return arrays, dictionary(arrays.pop("meta"))
        except FileNotFoundError:
            pass  # a crash between the two renames
        except DAMAGE as error:
            log.warning("%s is damaged (%s)", candidate, one_line(error))
    raise UserError(
        f"{path} is damaged, and no good checkpoint is left beside it: rerun=true makes a new run"
    )


def read_meta(path: Path) -> dict[str, Any] | None:
    """Return the dictionary of a file, or of the one before where it is damaged; None where neither can be read."""
    for candidate in path, previous(path):
        try:
            with candidate.open("rb") as file:
                npz = Npz(file, only="meta")
                return dictionary(npz.read(["meta"])["meta"])
        except DAMAGE:
            pass  # `read` says so, where the arrays are needed
    return None


def dictionary(encoded: np.ndarray) -> dict[str, Any]:
    """Return the dictionary that `write` has encoded; ValueError where it is none."""
    value = json.loads(bytes(encoded))
    if not isinstance(value, dict):
        raise ValueError("its meta is no dictionary")
    return value
