"""Say where the numbers come from: commits, engines, versions, digests, and the commands."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from rnnexp.analysis.report.commands import commands
from rnnexp.analysis.study import Study

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
    if dirty := int((study.runs["dirty"][counted.index] == True).sum()):  # noqa: E712  may not be recorded
        facts.append({"title": "changed beyond the commit", "values": [f"{dirty} of {len(counted)} runs"]})
    return {"facts": facts, "commands": commands(study)}


def tally(values: Iterable[Any]) -> list[str]:
    """Return each value with the number of runs that have it, where there are several."""
    numbers = pd.Series(list(values), dtype=object).dropna().astype(str).value_counts(sort=False)
    numbers = numbers[numbers.index != ""]
    if len(numbers) == 1:
        return [str(numbers.index[0])]
    return [f"{value} ({number} runs)" for value, number in numbers.items()]
