"""Choose recorded runs by their settings: `dataset.name=ptb and model.num_layers!=2`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import pandas as pd

from rnnexp.errors import UserError

SHORT = {"cell": "cell.name", "dataset": "dataset.name", "optimizer": "optimizer.name"}
SHORT |= {"schedule": "schedule.name"}


@dataclass(frozen=True)
class Condition:
    """Ask of a run that a setting has a value, or another than that."""

    key: str
    value: str
    equal: bool


def parse(where: str) -> list[Condition]:
    """Return the conditions of a text: KEY=VALUE or KEY!=VALUE, several joined by "and"; none of an empty one.

    Raises
    ------
    UserError where it is anything else.
    """
    conditions = []
    for part in re.split(r"\s+and\s+", where.strip()) if where.strip() else []:
        match = re.fullmatch(r"([\w./-]+)\s*(!=|=)\s*(\S.*)", part.strip())
        if not match or re.search(r"[=<>]|\bor\b", match[3]):
            raise UserError(f"where: '{part}' is no condition: write KEY=VALUE or KEY!=VALUE, joined by and")
        conditions.append(Condition(SHORT.get(match[1], match[1]), match[3].strip("'\""), match[2] == "="))
    return conditions


def keep(runs: pd.DataFrame, conditions: Sequence[Condition]) -> pd.DataFrame:
    """Return the runs, as from `load_runs`, that meet all conditions.

    Raises
    ------
    UserError where no run records a key, or none is left.
    """
    for condition in conditions:
        column = f"params.{condition.key}"
        if column not in runs:
            known = [c.removeprefix("params.") for c in map(str, runs) if c.startswith("params.")]
            near = get_close_matches(condition.key, known, n=1)
            meant = f": did you mean {near[0]}?" if near else ""
            raise UserError(f"where: no run records the setting {condition.key}{meant}")
        has = runs[column].map(lambda recorded: is_same(recorded, condition.value))  # noqa: B023
        kept = runs[has.astype(bool) == condition.equal]
        if kept.empty:
            values = ", ".join(sorted({str(v) for v in runs[column].dropna()})[:10])
            raise UserError(f"where: no run is left; {condition.key} has the values {values}")
        runs = kept
    return runs


def is_same(recorded: object, value: object) -> bool:
    """Return whether a recorded parameter, which is text, is that value, however it was written."""
    if pd.isna(recorded):  # type: ignore[call-overload]
        return False
    text = str(recorded)
    if value in (None, "null", "None"):
        return text in ("null", "None")
    try:
        return float(text) == float(str(value))
    except ValueError:
        return text.lower() == str(value).lower()
