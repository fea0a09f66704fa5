"""Name every run that is not in the numbers."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

SHOWN = ["run_id", "study", "configuration", "seed", "status", "role", "fate", "folder"]


def left_out(runs: pd.DataFrame) -> dict[str, Any]:
    """Return how many runs are in the numbers, every other run with its fate, and sentences about them.

    Of the trials of a search there are many: the sentences give their number alone.
    """
    rest = runs[runs["fate"] != ""].reindex(columns=SHOWN)
    entries = rest.astype(object).where(rest.notna(), None).to_dict("records")
    sentences = [f"{named(entry)}: {entry['fate']}" for entry in entries if entry["role"] != "trial"]
    trials = rest[rest["role"] == "trial"]
    if len(trials):
        each = ", ".join(f"{number:,} {status}" for status, number in trials["status"].value_counts().items())
        sentences.append(
            f"{len(trials):,} trials of searches ({each}): they chose settings, and are in no mean"
        )
    return {"counted": len(runs) - len(rest), "of": len(runs), "runs": entries, "sentences": sentences}


def named(entry: Mapping[Any, Any]) -> str:
    """Return a run in words."""
    seed = "" if entry["seed"] is None else f", seed {entry['seed']}"
    return f"{entry['configuration'] or entry['run_id']}{seed}"
