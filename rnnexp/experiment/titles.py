"""Name a run by what tells it from others: its cell, its overrides, its seed."""

from collections.abc import Iterable
from typing import Any

from rnnexp.experiment.config import keys_of, option_of
from rnnexp.records.names import cell_name

LENGTH = 120  # characters of a name
BESIDE = "tracking", "sweep", "hydra"  # groups that do not define a result


def key_of(override: str) -> str:
    """Return the key or group of an override."""
    return override.partition("=")[0].lstrip("+~").partition("@")[0]


def defining_overrides(config: dict[str, Any], overrides: Iterable[str]) -> list[str]:
    """Return the overrides that define the result of a run."""
    keys, found = keys_of(config), []
    for override in overrides:
        key = key_of(override)
        option = option_of(keys, key)
        if key.partition(".")[0].partition("/")[0] not in BESIDE and (not option or option.defines_result):
            found.append(override)
    return found


def title(config: dict[str, Any], overrides: Iterable[str]) -> str:
    """Return the name of a run, such as `gru dropout=0.2 seed=1`."""
    others = [override for override in overrides if key_of(override) not in ("cell", "seed")]
    return cut(
        [cell_name(config["cell"]["name"], config["cell"]), *briefly(others), f"seed={config['seed']}"]
    )


def briefly(overrides: Iterable[str]) -> list[str]:
    """Return overrides with the last part of each key, where that is unique, and of each path."""
    split = [(key_of(override), override.partition("=")[2].rstrip("/")) for override in overrides]
    names = brief_keys([key for key, _ in split])
    return [f"{name}={value.rpartition('/')[2]}" for name, (_, value) in zip(names, split)]


def brief_keys(keys: list[str]) -> list[str]:
    """Return the last part of each key where that tells it from the others and from the seed, else the key."""
    options = [key.rpartition(".")[2] for key in keys]
    return [
        key if options.count(option) > 1 or option == "seed" else option for key, option in zip(keys, options)
    ]


def cut(words: list[str]) -> str:
    """Return the words as a name that is not too long, with an ellipsis in place of those before the last."""
    kept = list(words)
    while len(kept) > 2 and len(" ".join(kept)) > LENGTH:
        kept[-2:-1] = []
    if len(kept) < len(words):
        kept.insert(-1, "...")
    return " ".join(kept)
