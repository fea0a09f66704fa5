"""Refuse a value that was typed for a key and would not count, because another value goes before it."""

from collections.abc import Iterable
from typing import Any

from omegaconf import OmegaConf

from rnnexp.errors import UserError
from rnnexp.experiment.models import layer_sizes
from rnnexp.experiment.own_parts import file_of
from rnnexp.experiment.titles import key_of
from rnnexp.records.digests import leaves

SIZES = {  # key -> those that go before it
    "hidden_size": ("layer_sizes", "match_params"),
    "num_layers": ("layer_sizes",),
    "layer_sizes": ("match_params",),
    "embed_size": ("match_params",),  # where it is tied
}
FIRST_BIASES = "forget_bias", "chrono_steps", "transform_bias"  # options of cells


def require_typed_counts(overrides: Iterable[str], config: dict[str, Any]) -> None:
    """Raise UserError where one of these overrides, each with one value, does not count as it stands in the config."""
    given = {key_of(override): override for override in overrides}
    require_left_out(given, config["model"])
    require_sizes(given, config["model"])
    require_places(given, config["model"])
    require_biases(given, config["cell"])


def require_left_out(given: dict[str, str], model: dict[str, Any]) -> None:
    """Raise UserError where an override by key brings back what `without=` leaves out.

    A value on the command line goes before that of any file, those of `conf/without` among them. Refused too is to
    leave a part out at the expense of others: a second matrix within a preset's number of parameters.
    """
    left_out = names_in(given.get("without", "").partition("=")[2])
    if "tied_weights" in left_out and model.get("match_params") and "model.match_params" not in given:
        raise UserError(
            f"without=tied_weights makes the layers smaller, for a preset has model.match_params="
            f"{model['match_params']}: add model.match_params=null and sizes, or that number again"
        )
    for name in left_out:
        for key, value in values_without(name).items():
            if key in given and value_of(given[key]) != value:
                raise UserError(
                    f"{given[key]} brings back what without={name} leaves out: leave one of them out, or give "
                    f"without={name} in a command of its own"
                )


def require_sizes(given: dict[str, str], model: dict[str, Any]) -> None:
    """Raise UserError where an override by key names a size of which a preset decides by another key.

    Where that key is an override too, as in a sweep over `model.match_params=null,100000`, nothing is unsaid.
    """
    for size, others in SIZES.items():
        if f"model.{size}" not in given or (size == "embed_size" and not model["tie_weights"]):
            continue
        for other in others:
            if model.get(other) and f"model.{other}" not in given:
                value = str(model[other]).replace(" ", "")
                raise UserError(
                    f"{given[f'model.{size}']} does not count beside model.{other}={value}, which a preset has: add "
                    f"model.{other}=null, or another value of it"
                )


def require_places(given: dict[str, str], model: dict[str, Any]) -> None:
    """Raise UserError where an override by key is for what lies between layers, and a preset has one layer."""
    alone = len(layer_sizes(model)) == 1 and not given.keys() & {"model.num_layers", "model.layer_sizes"}
    if alone and model["between_dropout"] and "model.between_dropout" in given:
        raise UserError(
            f"{given['model.between_dropout']} counts nowhere, for there is one layer: leave it out"
        )


def require_biases(given: dict[str, str], cell: dict[str, Any]) -> None:
    """Raise UserError where an override is for the first value of a bias, and the cell has none."""
    for key in FIRST_BIASES:
        if f"cell.{key}" in given and not cell.get("bias", True):
            raise UserError(
                f"{given[f'cell.{key}']} counts nowhere beside cell.bias=false: leave one of them out"
            )


def names_in(value: str) -> list[str]:
    """Return the names in the value of a group: one, or several in brackets."""
    return [name for name in value.strip("[]").split(",") if name]


def value_of(override: str) -> Any:
    """Return the value of an override, with its type."""
    return OmegaConf.from_dotlist([f"value={override.partition('=')[2]}"])["value"]


def values_without(name: str) -> dict[str, Any]:
    """Return the values by key that `without=NAME` sets; empty where there is no such file."""
    file = file_of(f"without/{name}")
    values: Any = OmegaConf.to_container(OmegaConf.load(file)) if file.is_file() else {}
    return leaves(values)
