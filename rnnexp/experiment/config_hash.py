"""Compute the hash by which two runs are the same experiment, from all in a config that defines the result."""

from typing import Any

from rnnexp.experiment import own_parts
from rnnexp.experiment.config import keys_of, option_of
from rnnexp.options import NOTHING, Option, PathTo
from rnnexp.records.digests import content, digest, leaves
from rnnexp.records.files import from_home

REPLACED = "model.hidden_size", "model.num_layers"  # where there is model.layer_sizes
CONTENT_OF = {"dataset.path": "data"}  # key -> how the hash has always called the content of that file


def hashes(config: dict[str, Any]) -> tuple[str, str]:
    """Return the hash of a config, and that of its group: the same without the seed."""
    result = defining(config)
    for key, path in file_keys(config):
        result.pop(key, None)
        if path:
            result[CONTENT_OF.get(key, key)] = content(from_home(path))
    result |= own_parts.digests(config)
    return digest(result), digest({key: value for key, value in result.items() if key != "seed"})


def defining(config: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a config that defines the result of its run, dotted key -> value.

    A file of the user's counts by its content. The other data sets count by name and options, because their
    files are checked against a sha256. A key without description defines the result, to be safe.
    """
    keys = keys_of(config)
    result = {}
    for key, value in leaves(config).items():
        option = option_of(keys, key) or Option("unknown")
        if option.defines_result and (option.since_default is NOTHING or value != option.since_default):
            result[key] = value
    if result.get("model.recurrent_variational") == result["model.variational"]:  # as null
        del result["model.recurrent_variational"]
    for place in "input", "between", "output":
        if result.get(f"model.{place}_dropout") == result["model.dropout"]:  # as null
            del result[f"model.{place}_dropout"]
    if "model.layer_sizes" in result:  # which stand in their place
        for key in REPLACED:
            del result[key]
    if result["model.match_params"]:  # it solves for these
        result.pop("model.hidden_size", None)
        if result["model.tie_weights"]:
            del result["model.embed_size"]
    else:  # nothing is counted
        result.pop("model.match", None)
    return result


def file_keys(config: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Return the keys of a config that are paths to files of the user's, with their values."""
    keys = keys_of(config)
    values = leaves(config)
    return [(key, values[key]) for key in values if key in keys and keys[key].option.path is PathTo.FILE]


def not_parameters(config: dict[str, Any]) -> list[str]:
    """Return the keys of a config that are no parameters of a run's record.

    The keys of what computes become tags, because a store keeps a parameter's first value. An option newer than
    other runs' records is left out where it has the value that they ran with: the runs would seem to differ.
    """
    keys, values = keys_of(config), leaves(config)
    replaced = REPLACED if values.get("model.layer_sizes") else ()
    return [
        key
        for key, described in keys.items()
        if key in values
        and (described.option.runtime or key in replaced or values[key] == described.option.since_default)
    ]


def run_name(config: dict[str, Any]) -> str:
    """Return the name of a run's folder."""
    return f"{config['cell']['name']}_seed{config['seed']}_{hashes(config)[0][:8]}"
