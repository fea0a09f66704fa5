"""What makes two runs the same experiment: everything in a config that defines the result, as a hash."""

import hashlib
import json
from pathlib import Path
from typing import Any

# what a result does not depend on: where things are, how they are run and recorded, what they are called
NOT_RESULT = {"study", "device", "threads", "engine", "tracking", "sweep", "rerun"}
PATHS = {"dir", "path", "cache"}
NOT_RESULT_OPTIONS = PATHS | {"url", "checkpoint_every_s", "sample_every", "sample_num", "sample_length"}


def hashes(config: dict[str, Any]) -> tuple[str, str]:
    """The hash of a config, and that of its group: the same without the seed.

    A file of the user's counts by its content. The other data sets are defined by name and options: what is
    read of them is checked against a sha256.
    """
    result = {key: value for key, value in leaves(config).items() if defines_result(key)}
    if not result.get("tf32"):
        result.pop("tf32", None)  # as if there were no such thing
    if result["model.match_params"]:  # it solves for these
        del result["model.hidden_size"]
        if result["model.tie_weights"]:
            del result["model.embed_size"]
    if path := config["dataset"].get("path"):
        result["data"] = content(Path(path))
    group = {key: value for key, value in result.items() if key != "seed"}
    return digest(result), digest(group)


def run_name(config: dict[str, Any]) -> str:
    """What the folder of a run is called."""
    return f"{config['cell']['name']}_seed{config['seed']}_{hashes(config)[0][:8]}"


def leaves(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The config flat: dotted key -> value."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= leaves(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def defines_result(key: str) -> bool:
    section, _, option = key.partition(".")
    return section not in NOT_RESULT and option not in NOT_RESULT_OPTIONS


def content(path: Path) -> str | None:
    """sha256 of a file; None where it cannot be read, which is for whoever needs it to say."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def digest(values: dict[str, Any]) -> str:
    """16 hex digits that are the same for the same values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
