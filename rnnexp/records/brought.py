"""Trust nothing in a folder that may have been brought along, or be another's: neither its config nor its files."""

from pathlib import Path
from typing import Any

from rnnexp.errors import UserError
from rnnexp.records.address import clean_config
from rnnexp.records.files import require_own
from rnnexp.records.names import require_name

LEFT_OVER = "rnnexp.log", "output.txt", "label.json", ".lock", ".delivery.lock"  # by what failed at once


def checked_config(config: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return the config in a file without passwords; UserError where its study is no name, for it is part of paths."""
    try:
        if "study" in config:
            require_name("study", config["study"])
        return {key: clean_config(value) for key, value in config.items()}
    except UserError as error:
        raise UserError(f"{file}: {error}") from error


def require_room(folder: Path) -> None:
    """Raise UserError where a folder holds links, or other things than a run, which a run must not mix with."""
    if in_the_way := next((path for path in (folder, *folder.parents) if path.is_file()), None):
        raise UserError(f"{in_the_way} is a file: name another folder for the run")
    require_own(folder)
    if not folder.is_dir() or any((folder / name).exists() for name in ("state.json", "config.yaml")):
        return
    others = sorted(path.name for path in folder.iterdir() if path.name not in LEFT_OVER)
    if others:
        raise UserError(f"{folder} holds {others[0]} and no run: name an empty or a new folder")
