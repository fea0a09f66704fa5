"""Return the commands that run a study again, from the configs that its runs recorded."""

import json
import re
import shlex
from typing import Any

import pandas as pd

from rnnexp.analysis.study import Study

PLAIN = re.compile(r"[\w.+/-]+")  # what Hydra takes for a value without quotes
SEVERAL = "evaluation"  # a group of which a config may have several options


def commands(study: Study) -> list[dict[str, str]]:
    """Return for each configuration in the numbers the command that runs all its seeds.

    Runs that do not record which of their keys define the result have none.
    """
    counted = study.recorded[study.runs["reported"]]
    given = []
    for name, own in counted.groupby(study.runs["configuration"][counted.index], sort=False):
        if words := overrides(own):
            given.append({"configuration": str(name), "command": shlex.join(["rnnexp", "-m", *words])})
    return given


def overrides(runs: pd.DataFrame) -> list[str]:
    """Return the overrides of one configuration: its study, what defines its result, and its seeds."""
    first = runs.iloc[0]
    recorded = first.get("tags.rnnexp.result_keys")
    if not isinstance(recorded, str):
        return []
    known = [key for key in recorded.split(",") if key != "seed" and pd.notna(first.get(f"params.{key}"))]
    values = {key: str(first[f"params.{key}"]) for key in known}
    choices = {key.removesuffix(".name"): value for key, value in values.items() if key.endswith(".name")}
    options = {key: value for key, value in values.items() if not key.endswith(".name")}
    evaluations = [value for group, value in choices.items() if group.startswith(f"{SEVERAL}.")]
    words = [f"{group}={value}" for group, value in choices.items() if "." not in group]
    words += [f"{SEVERAL}=[{','.join(evaluations)}]"] if evaluations else []
    words += [f"{key}={quoted(value)}" for key, value in options.items()]
    seeds = ",".join(sorted(runs["params.seed"].unique(), key=int))
    return [f"study={quoted(str(first['study']))}", *words, f"seed={seeds}"]


def quoted(value: str) -> str:
    """Return a recorded value as Hydra reads it: in quotes where it holds what Hydra would take apart."""
    if PLAIN.fullmatch(value) or is_json(value):
        return value
    return "'" + value.replace("'", "\\'") + "'"


def is_json(value: str) -> bool:
    """Return whether a value is a list or a mapping, which are recorded as JSON."""
    try:
        read: Any = json.loads(value)
    except ValueError:
        return False
    return isinstance(read, list | dict)
