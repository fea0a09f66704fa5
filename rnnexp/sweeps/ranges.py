"""Draw values from what a search is over, and record what that was."""

import math
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override

from rnnexp.sweeps.overrides import text, values

RATE = "optimizer.lr"


def suggest(trial: Any, key: str, over: Override) -> None:
    """Have a trial of Optuna's draw a value from the range or the choices of an override."""
    space = over.value()
    if not isinstance(space, IntervalSweep):
        trial.suggest_categorical(key, [value.partition("=")[2] for value in values(over)])
        return
    low, high, log = space.start, space.end, "log" in space.tags
    assert low is not None
    assert high is not None
    if isinstance(low, int):
        trial.suggest_int(key, low, int(high), log=log)
    else:
        trial.suggest_float(key, low, high, log=log)


def shown(value: Any, space: Any) -> str:
    """Return a proposed value as it is written in an override, with four digits of those that differ in the range."""
    if not isinstance(value, float):
        return str(value)
    width = space.end - space.start or 1.0
    alike = int(math.log10(max(abs(space.start), abs(space.end), width) / width))
    rounded = f"{value:.{4 + alike}g}"
    return rounded if space.start <= float(rounded) <= space.end else str(value)


def chosen(space: dict[str, Override], params: dict[str, Any]) -> list[str]:
    """Return the overrides of a trial with these values."""
    return [f"{key}={shown(params[key], over.value())}" for key, over in space.items()]


def ends(over: Override) -> list[str]:
    """Return an override for each choice of a search, or for both limits of its range."""
    space = over.value()
    if not isinstance(space, IntervalSweep):
        return values(over)
    return [f"{over.get_key_element()}={shown(limit, space)}" for limit in (space.start, space.end)]


def inside(over: Override) -> list[str]:
    """Return overrides for the first and the last choice of a search, or twice a value inside its range.

    In a range of fractions it is neither whole nor a half, so that a key for whole numbers refuses it.
    """
    space = over.value()
    if not isinstance(space, IntervalSweep):
        return [values(over)[0], values(over)[-1]]
    within: Any = space.start + 0.4823 * (space.end - space.start)  # type: ignore[operator]
    written = shown(int(within) if isinstance(space.start, int) else within, space)
    if isinstance(space.start, float) and float(written).is_integer():  # for lack of digits
        written = str(within)
    return [f"{over.get_key_element()}={written}"] * 2


def range_tags(space: dict[str, Override]) -> dict[str, str]:
    """Return what a search was over, as tags: every range, and the ends of that of the learning rate."""
    tags = {"rnnexp.ranges": "; ".join(text(space[key]).replace(" ", "") for key in sorted(space))}
    if RATE in space:
        over: Any = space[RATE].value()
        try:
            if isinstance(over, IntervalSweep):
                ends = [float(over.start or 0), float(over.end or 0)]
            else:
                ends = [float(value.partition("=")[2]) for value in values(space[RATE])]
        except ValueError:  # null among the choices
            return tags
        tags |= {"rnnexp.lr_low": f"{min(ends):g}", "rnnexp.lr_high": f"{max(ends):g}"}
    return tags
