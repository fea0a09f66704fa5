"""key=value arguments of the commands beside `rnnexp`, checked against a dataclass."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnexp.errors import UserError, one_line

T = TypeVar("T")


def read(arguments: Sequence[str], options: type[T]) -> T:
    """An instance of the dataclass with these arguments over its defaults.

    A value is taken as it is, of a number or `null` what it says. UserError names what does not fit.
    """
    config = OmegaConf.structured(options)
    types = {field.name: field.type for field in dataclasses.fields(options)}  # type: ignore[arg-type]
    texts = {}  # OmegaConf would look for interpolations in them
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if not separator or key not in types:
            raise UserError(f"{argument} is not known: the options are {', '.join(f'{k}=' for k in types)}")
        if types[key] is str:
            texts[key] = value
            config[key] = ""
            continue
        try:
            OmegaConf.update(config, key, None if value == "null" else value)
        except OmegaConfBaseException as error:
            raise UserError(f"{key}={value}: {one_line(error)}") from error
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise UserError(f"{missing[0]} has no value: add {missing[0]}=VALUE")
    made: Any = OmegaConf.to_object(config)
    return dataclasses.replace(made, **texts)
