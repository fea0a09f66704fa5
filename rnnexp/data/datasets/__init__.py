"""Find the data sets: a file each, found by its name, whose `make` returns a `Corpus`."""

from collections.abc import Mapping
from typing import Any

from rnnexp.options import found_by_file

DATASETS = found_by_file(__name__, __path__)
OF_SEQUENCES = "copy", "dinos", "gettysburg"


def has_sequences(section: Mapping[str, Any]) -> bool:
    """Return whether the section `dataset` of a config says, before it is read, that the text is sequences."""
    return section["name"] in OF_SEQUENCES or (section["name"] == "text" and section["lines"])
