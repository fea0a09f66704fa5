"""Read the commands' key=value arguments without any library."""

import sys
from collections.abc import Callable
from pathlib import Path

from rnnexp.errors import UserError


class BenchmarkError(UserError):
    """Say that there is nothing to report, and why."""


def run_command(
    name: str, doc: str | None, defaults: dict[str, str], command: Callable[[dict], None]
) -> None:
    """Call `command` with the arguments of the command line; a mistake ends the process in one line."""
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(doc))
    try:
        command(read(sys.argv[1:], defaults))
    except (UserError, OSError) as error:
        sys.exit(f"{name}: {error}")


def read(arguments: list[str], defaults: dict[str, str]) -> dict[str, str]:
    """Return key=value arguments over their defaults."""
    options = dict(defaults)
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if not separator or key not in defaults:
            raise BenchmarkError(
                f"{argument} is not known: give {', '.join(f'{key}=VALUE' for key in defaults)}"
            )
        options[key] = value
    return options


def choose(key: str, value: str, known: list[str]) -> list[str]:
    """Return the names in a comma-separated list; all where there are none."""
    names = [name for name in value.split(",") if name] or known
    for name in names:
        if name not in known:
            raise BenchmarkError(f"{key}={name} is not known: choose from {', '.join(known)}")
    return names


def whole_number(key: str, value: str, least: int) -> int:
    """Return a number of at least `least`."""
    if not value.isdigit() or int(value) < least:
        raise BenchmarkError(f"{key}={value} must be a number from {least}")
    return int(value)


def folder(path: str) -> Path:
    """Return the folder, which is made where there is none."""
    made = Path(path)
    made.mkdir(parents=True, exist_ok=True)
    return made
