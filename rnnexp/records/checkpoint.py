"""Checkpoints: arrays and JSON in one npz file, written so that a crash at any moment leaves a good one.

A file is written beside its target, flushed to the disk and renamed; the one before it is kept. Every
member of an npz carries a CRC-32, so one that was cut short or altered is found out when it is read.
Nothing is pickled.
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
    """Replace `path` by a file of these arrays and this JSON-able dictionary; keep the old one."""
    encoded = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    with replacing(path, keep=previous(path)) as file:
        np.savez(file, **arrays, meta=encoded)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def previous(path: Path) -> Path:
    """Return where the file before the last is kept."""
    return path.with_name(path.name + ".previous")


def read(path: Path) -> tuple[dict, dict]:
    """Return the arrays and the dictionary of a file; of a damaged one, those of the one before, and warn.

    Raises
    ------
    UserError where neither can be read, FileNotFoundError where neither is there.
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
