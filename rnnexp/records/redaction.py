"""Take out of run folders what an older program has written there: the passwords of addresses."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import yaml

from rnnexp.output import known_passwords, without_passwords
from rnnexp.records.address import Address, clean_config
from rnnexp.records.files import replace_text, require_own
from rnnexp.records.folder import RunFolder

LARGEST = 1 << 26  # bytes of a file that is searched


def redact(folder: RunFolder) -> list[Path]:
    """Rewrite the files of a run that hold passwords without them; return these files."""
    require_own(folder.path)
    found = []
    with folder.lock:
        for name, clean in FILES.items():
            for path in sorted(folder.path.glob(name)):
                with suppress(OSError, ValueError, yaml.YAMLError):  # damaged, which reading it reports
                    before = path.read_bytes().decode()
                    if (after := clean(before)) != before:
                        replace_text(path, after)
                        found.append(path)
    return found


def clean_yaml(text: str) -> str:
    """Return a config in YAML without passwords."""
    config = yaml.safe_load(text)
    cleaned = clean_config(config)
    return text if cleaned == config else yaml.safe_dump(cleaned, sort_keys=False, allow_unicode=True)


def clean_keys(text: str) -> str:
    """Return what stores have, in JSON by their addresses, with these without passwords."""
    stores = json.loads(text)
    cleaned = {str(Address(store)): what for store, what in stores.items()}
    return text if cleaned == stores else json.dumps(cleaned) + "\n"


def clean_error(text: str) -> str:
    """Return a state in JSON with its error without passwords."""
    state = json.loads(text)
    error = state.get("error") and without_passwords(state["error"])
    return text if error == state.get("error") else json.dumps(state | {"error": error}) + "\n"


# those first whose addresses make the passwords known that the others are searched for
FILES: dict[str, Callable[[str], str]] = {
    "config.yaml": clean_yaml,
    "delivered.json": clean_keys,
    ".hydra/*.yaml": without_passwords,
    "state.json": clean_error,
    "rnnexp.log": without_passwords,
    "output.txt": without_passwords,
    "traceback.txt": without_passwords,
}


def holding(tops: list[Path]) -> list[Path]:
    """Return the files below these folders that hold a password that this process knows."""
    secrets = [password.encode() for password in known_passwords()]
    found = []
    for top in tops if secrets else []:
        for folder, _, names in os.walk(top):
            for path in (Path(folder, name) for name in sorted(names)):
                with suppress(OSError):
                    small = path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST
                    if small and any(secret in path.read_bytes() for secret in secrets):
                        found.append(path)
    return found
