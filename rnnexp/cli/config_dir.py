"""Take from a command the folder of the user's own configs and parts."""

from pathlib import Path

from rnnexp.errors import UserError
from rnnexp.experiment import known_keys
from rnnexp.records.files import from_home

FLAGS = "--config-dir", "-cd"


def use_own_parts(arguments: list[str], is_kept: bool) -> list[str]:
    """Let configs choose what lies in the folder after --config-dir, and what packages bring; return the arguments.

    is_kept : whether the flag and its folder are still among them, for Hydra.
    """
    rest, folder = split(arguments)
    known_keys.use_own_parts(folder)
    return arguments if is_kept else rest


def split(arguments: list[str]) -> tuple[list[str], Path | None]:
    """Return the arguments without the flag and its folder, and the folder; UserError where it has none."""
    for place, argument in enumerate(arguments):
        flag, equals, folder = argument.partition("=")
        if flag not in FLAGS:
            continue
        after = place + 1 if equals else place + 2
        folder = folder if equals else "".join(arguments[place + 1 : after])
        if not folder or folder.startswith("-"):
            raise UserError(f"{flag} names no folder: {flag} FOLDER")
        return arguments[:place] + arguments[after:], from_home(folder)
    return arguments, None
