"""Read overrides as Hydra's grammar has them, but texts as they are written."""

from collections.abc import Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override

from rnnexp.errors import UserError
from rnnexp.experiment.known_keys import is_text

FOLDERS = "hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"


def parse(arguments: Sequence[str]) -> list[Override]:
    """Return overrides as Hydra reads them; a text that looks like a number is taken as it is written.

    (By Hydra's grammar study=1.10 is 1.1 and study=true is True, which no other command would find.)
    """
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    return parser.parse_overrides([as_written(o) for o in parser.parse_overrides(list(arguments))])


def as_written(override: Override) -> str:
    """Return an override in whose value each text is quoted that Hydra would take for a number or a truth value."""
    given = override.input_line or ""
    name, _, raw = given.partition("=")
    if not (is_text(override.key_or_group) or override.key_or_group in FOLDERS):
        return given
    value = override.value()
    if isinstance(value, ChoiceSweep) and value.simple_form:
        parts = raw.split(",")
        if len(parts) == len(value.list):
            return f"{name}={','.join(map(quoted, parts, value.list))}"
    return f"{name}={quoted(raw, value)}"


def quoted(raw: str, value: object) -> str:
    """Return a written value in quotes where Hydra has read a number or a truth value, else as it is."""
    return f"'{raw.strip()}'" if isinstance(value, bool | int | float) else raw


def texts(overrides: Sequence[Override]) -> list[str]:
    """Return overrides as they are written."""
    return [text(override) for override in overrides]


def text(override: Override) -> str:
    """Return an override as it is written."""
    return override.input_line or ""


def is_one(override: Override) -> bool:
    """Return whether an override names one value."""
    return not override.is_sweep_override()


def values(override: Override) -> list[str]:
    """Return an override for each value that this one sweeps over, or this one where it has a single value."""
    if is_one(override):
        return [text(override)]
    if not override.is_discrete_sweep():
        raise UserError(
            f"{text(override)}: name the values, as in KEY=1,2,3 or KEY=range(3), or search: sweep=search"
        )
    key = override.get_key_element()
    if each := [f"{key}={value}" for value in override.sweep_string_iterator()]:
        return each
    raise UserError(f"{text(override)} names no values: there is nothing to run")
