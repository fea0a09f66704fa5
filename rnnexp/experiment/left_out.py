"""Refuse a command that leaves a part of a recipe out by `without=`, and gives that part a value."""

from collections.abc import Iterable
from typing import Any

from omegaconf import OmegaConf

from rnnexp.errors import UserError
from rnnexp.experiment.own_parts import file_of
from rnnexp.experiment.titles import key_of
from rnnexp.records.digests import leaves


def require_left_out(overrides: Iterable[str]) -> None:
    """Raise UserError where one of these overrides, each with one value, brings back what another leaves out.

    A value on the command line goes before that of any file, those of `conf/without` among them.
    """
    given = {key_of(override): override for override in overrides}
    name = given.get("without", "").partition("=")[2]
    for key, value in values_without(name).items() if name else ():
        if key in given and value_of(given[key]) != value:
            raise UserError(
                f"{given[key]} brings back what without={name} leaves out: leave one of them out, or give "
                f"without={name} in a command of its own"
            )


def value_of(override: str) -> Any:
    """Return the value of an override, with its type."""
    return OmegaConf.from_dotlist([f"value={override.partition('=')[2]}"])["value"]


def values_without(name: str) -> dict[str, Any]:
    """Return the values by key that `without=NAME` sets; empty where there is no such file."""
    file = file_of(f"without/{name}")
    values: Any = OmegaConf.to_container(OmegaConf.load(file)) if file.is_file() else {}
    return leaves(values)
