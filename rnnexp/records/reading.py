"""Read the files of a run folder, each of which is whole, absent, or damaged and said to be so.

A crash of the program leaves whole files. A full disk, a copy that was cut short or a hand can leave others.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from rnnexp.errors import UserError, one_line
from rnnexp.records.files import open_itself

# written in C they are five times as fast, where PyYAML has them
Loader, Dumper = getattr(yaml, "CSafeLoader", yaml.SafeLoader), getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Damaged(UserError):
    """Say in one line which file of a run folder was cut short or altered."""

    def __init__(self, path: Path, why: str, remedy: str = ""):
        super().__init__(f"{path} is damaged ({why}){remedy and f': {remedy}'}")

    def __reduce__(self):
        return UserError, self.args


def text(path: Path) -> str | None:
    """Return the text of a file; None where there is none."""
    try:
        with open_itself(path, "rb") as file:
            return file.read().decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Damaged(path, one_line(error)) from error


def from_json(path: Path, required: Collection[str] = ()) -> dict[str, Any] | None:
    """Return the dictionary in a file of JSON, which has at least the required keys; None where there is no file."""
    if (said := text(path)) is None:
        return None
    try:
        value = json.loads(said)
    except ValueError as error:
        raise Damaged(path, one_line(error)) from error
    return checked(path, value, required)


def from_yaml(path: Path, required: Collection[str] = ()) -> dict[str, Any] | None:
    """Return the dictionary in a file of YAML, as `from_json` does."""
    if (said := text(path)) is None:
        return None
    try:
        value = yaml.load(said, Loader)
    except (ValueError, yaml.YAMLError) as error:
        raise Damaged(path, one_line(error)) from error
    if not said.endswith("\n"):
        raise Damaged(path, "its last line is cut short")
    return checked(path, value, required)


def to_yaml(value: dict[str, Any]) -> str:
    """Return the text of YAML that `from_yaml` reads, with keys in their order."""
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True)


def checked(path: Path, value: Any, required: Collection[str]) -> dict[str, Any]:
    """Return a value that is a dictionary with the required keys; else its file is damaged."""
    if not isinstance(value, dict):
        raise Damaged(path, "it holds no keys")
    if lacking := [key for key in required if key not in value]:
        raise Damaged(path, f"it lacks {', '.join(lacking)}")
    return value


def json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the dictionaries of a file of JSON lines, none where there is no file.

    A last line without its end is left out: a process that was killed can leave one, and writes it again.
    """
    complete = (text(path) or "").rpartition("\n")[0]
    try:  # other signs than \n that end lines for Python can stand inside of one
        values = [json.loads(line) for line in complete.split("\n") if line]
    except ValueError as error:
        raise Damaged(path, one_line(error)) from error
    return [checked(path, value, ()) for value in values]
