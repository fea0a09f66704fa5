"""Read overrides as Hydra's grammar has them, but texts as they are written."""

from collections.abc import Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep

from rnnexp.errors import UserError
from rnnexp.experiment.known_keys import is_text

NO_NAMES = bool, int, float, IntervalSweep, RangeSweep
FOLDERS = "hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"


def parse(arguments: Sequence[str]) -> list[Override]:
    """Return overrides as Hydra reads them; a text that looks like a number is taken as it is written.

    (By Hydra's grammar study=1.10 is 1.1 and study=true is True, which no other command would find.)
    """
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    found = parser.parse_overrides([as_written(o) for o in parser.parse_overrides(list(arguments))])
    for override in found:
        require_names(override)
    return found


def require_names(override: Override) -> None:
    """Raise UserError where a group is given what can be the name of none of its options."""
    value = override.value()
    each = value.list if isinstance(value, ChoiceSweep) else [value]
    if override.is_delete() or not any(one is None or isinstance(one, NO_NAMES) for one in each):
        return
    if GlobalHydra.instance().config_loader().get_group_options(override.key_or_group):
        raise UserError(
            f"{text(override)} names no option of the group: write {override.key_or_group}=NAME, or leave it out"
        )


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
    try:
        each = [f"{key}={value}" for value in override.sweep_string_iterator()]
    except ValueError as error:  # of Python's range
        raise UserError(f"{text(override)}: {error}") from None
    if not each:
        raise UserError(f"{text(override)} names no values: there is nothing to run")
    return each
