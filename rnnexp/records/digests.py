"""Compute the short texts that hashes are made of, by which values and files are told apart."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def leaves(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a config flat: dotted key -> value."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= leaves(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def with_texts(change: Callable[[str], str], value: Any) -> Any:
    """Return a config, or a part of one, with every text in it changed; keys and other values stay."""
    if isinstance(value, dict):
        return {key: with_texts(change, one) for key, one in value.items()}
    if isinstance(value, list):
        return [with_texts(change, one) for one in value]
    return change(value) if isinstance(value, str) else value


def content(path: Path) -> str | None:
    """Return the sha256 of a file; None where it cannot be read, which whoever needs the file reports."""
    if not path.is_file():  # to read a pipe would be to wait for it
        return None
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def digest(values: Any) -> str:
    """Return 16 hex digits that are the same for the same values, which JSON must be able to hold."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
