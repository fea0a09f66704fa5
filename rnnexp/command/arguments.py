"""Read the arguments of a command: KEY=VALUE for the fields of a dataclass, and all others."""

import math
import types
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from rnnexp.errors import UserError, unknown_argument

T = TypeVar("T")
SWITCH = {"true": True, "false": False}


def key_of(field: Field[Any]) -> str:
    """Return the key of an option: the field's name, or what its metadata has as `key`."""
    return field.metadata.get("key", field.name)


def split(arguments: Sequence[str], options: type) -> tuple[list[str], list[str]]:
    """Return those arguments whose key is an option, and the others."""
    keys = {key_of(field) for field in fields(options)}
    own = [argument for argument in arguments if "=" in argument and argument.partition("=")[0] in keys]
    return own, [argument for argument in arguments if argument not in own]


def split_paths(arguments: Sequence[str], options: type) -> tuple[list[Path], list[str]]:
    """Return those arguments that name a file or a folder, and the others."""
    _, others = split(arguments, options)
    refuse_flags(others, options)
    paths = [argument for argument in others if "=" not in argument or Path(argument).exists()]
    return [Path(path) for path in paths], [argument for argument in arguments if argument not in paths]


def refuse_flags(arguments: Sequence[str], options: type) -> None:
    """Raise UserError for an argument such as --num, with the option that it may stand for; a path may begin so."""
    for argument in arguments:
        if argument.startswith("-") and not Path(argument).exists():
            raise UserError(unknown_argument(argument, map(key_of, fields(options))))


def read(arguments: Sequence[str], options: type[T]) -> T:
    """Return the dataclass `options` with these KEY=VALUE arguments over its defaults.

    Fields are of type str, int, float or bool, or of one of these or None, which is written `null`.

    Raises
    ------
    UserError where an argument is unknown, does not fit its type, is given twice, or is missing.
    """
    own, others = split(arguments, options)
    named = {key_of(field): field for field in fields(options)}  # type: ignore[arg-type]
    if others:
        raise UserError(unknown_argument(others[0], named))
    hints = get_type_hints(options)
    given = {}
    for argument in own:
        key, _, value = argument.partition("=")
        if named[key].name in given:
            raise UserError(f"{key} is given twice: leave one out")
        given[named[key].name] = convert(key, value, hints[named[key].name])
    for key, field in named.items():
        if field.name not in given and field.default is MISSING and field.default_factory is MISSING:
            raise UserError(f"{key} has no value: add {key}=VALUE")
    return options(**given)


def convert(key: str, text: str, expected: Any) -> Any:
    """Return a text as a value of the expected type; UserError where it cannot be one."""
    choices = get_args(expected) or (expected,)
    if types.NoneType in choices and text == "null":
        return None
    (kind,) = (choice for choice in choices if choice is not types.NoneType)
    try:
        if kind is int and not text.strip("+-").isdigit() and float(text).is_integer():  # 1e3 is one
            return int(float(text))
        value = SWITCH[text.lower()] if kind is bool else kind(text)
        if kind is float and not math.isfinite(value):  # nan, inf
            raise ValueError
        return value
    except (KeyError, ValueError):
        what = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise UserError(f"{key}={text} must be {what}") from None
