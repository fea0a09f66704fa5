"""key=value arguments of the commands beside `rnnexp`, checked against a dataclass."""

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnexp.errors import UserError, one_line

T = TypeVar("T")


def read(arguments: Sequence[str], options: type[T]) -> T:
    """An instance of the dataclass with these arguments over its defaults.

    A value is taken as it is, of a number or `null` what it says. UserError names what does not fit.
    """
    config = OmegaConf.structured(options)
    known = [field.name for field in dataclasses.fields(options)]  # type: ignore[arg-type]
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if not separator or key not in known:
            raise UserError(f"{argument} is not known: the options are {', '.join(f'{k}=' for k in known)}")
        try:
            OmegaConf.update(config, key, None if value == "null" else value)
        except OmegaConfBaseException as error:
            raise UserError(f"{key}={value}: {one_line(error)}") from error
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise UserError(f"{missing[0]} has no value: add {missing[0]}=VALUE")
    made: T = OmegaConf.to_object(config)  # type: ignore[assignment]
    return made
