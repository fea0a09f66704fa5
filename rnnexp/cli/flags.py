"""Read the flags of a command that trains, which are Hydra's, and the overrides among them."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from rnnexp.errors import UserError
from rnnexp.experiment.config import WITH_EVALUATION
from rnnexp.experiment.known_keys import all_keys
from rnnexp.records.files import from_home

SHOWING = "info", "hydra_help", "shell_completion"  # flags with which Hydra tells about itself
REFUSED = "config_path", "experimental_rerun", "run"  # what they are for is done otherwise, or always


def read(arguments: Sequence[str]) -> Namespace:
    """Return the flags and the overrides of a command line, in any order; UserError where one does not go here."""
    parser: ArgumentParser = get_args_parser()
    parser.allow_abbrev = False
    parser.error = refuse  # type: ignore[method-assign]
    given = parser.parse_intermixed_args(list(arguments))
    if given.config_dir:
        given.config_dir = str(from_home(given.config_dir))
    for flag in REFUSED:
        if getattr(given, flag):
            raise UserError(f"--{flag.replace('_', '-')} does not go here: --config-dir FOLDER adds configs")
    for flag in "resolve", "package":
        if getattr(given, flag) and not given.cfg:
            raise UserError(f"--{flag} is for --cfg: add --cfg job")
    return given


def refuse(message: str) -> NoReturn:
    """Raise a UserError in place of what argparse prints before it exits."""
    unknown = message.removeprefix("unrecognized arguments: ")
    if unknown != message:
        key = unknown.lstrip("-").partition("=")[0]
        if key in all_keys() or key in WITH_EVALUATION:
            raise UserError(f"{unknown} is no flag: write {key}=VALUE")
        raise UserError(f"{unknown} is not known: rnnexp --hydra-help lists the flags")
    raise UserError(message.removeprefix("argument "))


def for_hydra(given: Namespace, overrides: Sequence[str]) -> list[str]:
    """Return the arguments with which Hydra itself does the same, flags first, for it wants no override between."""
    flags = [
        f"--{name.replace('_', '-')}"
        for name in ("multirun", "resolve", *SHOWING[1:])
        if getattr(given, name)
    ]
    for name in "cfg", "package", "config_name", "config_dir", "info":
        if getattr(given, name):
            flags += [f"--{name.replace('_', '-')}", getattr(given, name)]
    return [*flags, *overrides]
