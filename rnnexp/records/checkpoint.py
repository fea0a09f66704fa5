"""Write and read checkpoints, arrays and JSON in one npz file, such that a crash at any moment leaves a good one.

A file is written beside its target, flushed to the disk and renamed; the file before it is kept. Every member
of an npz carries a CRC-32, by which reading finds out a file that was cut short or altered. Nothing is
pickled.
"""

import json
import logging
import os
import zipfile
from pathlib import Path

import numpy as np

from rnnexp.errors import UserError
from rnnexp.records.files import replacing

log = logging.getLogger(__name__)
# what zipfile, npy and JSON raise over altered bytes
DAMAGE = OSError, EOFError, ValueError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile


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
            with candidate.open("rb") as file, np.load(file) as members:
                arrays = dict(members)
            return arrays, json.loads(bytes(arrays.pop("meta")))
        except FileNotFoundError:
            pass  # a crash between the two renames
        except DAMAGE as error:
            log.warning("%s is damaged (%s)", candidate, error)
    raise UserError(f"{path} is damaged, and no good checkpoint is left beside it: start the run anew")
