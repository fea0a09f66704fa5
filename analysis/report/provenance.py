"""Say where the numbers come from: commands, commits, engines, versions, digests."""

import shlex
from collections.abc import Iterable
from typing import Any

import pandas as pd

from analysis.study import Study

# title -> the tag that a run records it by
FACTS = {
    "rnnexp": "version",
    "commit": "git_commit",
    "data digest": "data_digest",
    "engine": "engine",
    "threads": "threads",
    "device": "device",
    "GPU": "gpu",
    "processor": "cpu",
    "Python": "python",
    "NumPy": "numpy",
    "BLAS": "blas",
    "numba": "numba",
    "MKL": "mkl",
    "number type": "dtype",
    "changed while running": "changed",
}


def provenance(study: Study) -> dict[str, Any]:
    """Return the facts that the runs in the numbers recorded, and the commands that make them again."""
    counted = study.recorded[study.runs["reported"]]
    facts = []
    for title, name in FACTS.items():
        tag = f"tags.rnnexp.{name}"
        if tag in counted and (values := tally(counted[tag])):
            facts.append({"title": title, "values": values})
    dirty = (
        int((counted["tags.rnnexp.git_dirty"] == "true").sum()) if "tags.rnnexp.git_dirty" in counted else 0
    )
    if dirty:
        facts.append({"title": "changed beyond the commit", "values": [f"{dirty} of {len(counted)} runs"]})
    return {"facts": facts, "commands": commands(study, counted)}


def tally(values: Iterable[Any]) -> list[str]:
    """Return each value with the number of runs that have it, where there are several."""
    numbers = pd.Series(list(values), dtype=object).dropna().astype(str).value_counts(sort=False)
    numbers = numbers[numbers.index != ""]
    if len(numbers) == 1:
        return [str(numbers.index[0])]
    return [f"{value} ({number} runs)" for value, number in numbers.items()]


def commands(study: Study, counted: pd.DataFrame) -> list[dict[str, str]]:
    """Return for each configuration the command that runs it again, from the config that its runs recorded."""
    given = []
    names = study.runs["configuration"][counted.index]
    for name, own in counted.groupby(names, sort=False):
        words = overrides(own)
        if words:
            given.append({"configuration": str(name), "command": "rnnexp -m " + " ".join(words)})
    return given


def overrides(runs: pd.DataFrame) -> list[str]:
    """Return the overrides of a configuration: its study, what defines its result, and all its seeds."""
    first = runs.iloc[0]
    recorded = first.get("tags.rnnexp.result_keys")
    if not isinstance(recorded, str):
        return []
    words = []
    for key in sorted(recorded.split(","), key=lambda key: not key.endswith(".name")):
        value = first.get(f"params.{key}")
        if key == "seed" or not isinstance(value, str):
            continue
        group, _, option = key.rpartition(".")
        words.append(shlex.quote(f"{group if option == 'name' else key}={value}"))
    seeds = ",".join(sorted(runs["params.seed"].unique(), key=int))
    return [shlex.quote(f"study={first['study']}"), *words, f"seed={seeds}"]
