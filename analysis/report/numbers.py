"""Sum up each configuration: how many runs, what they reached, and at what cost."""

from collections.abc import Sequence
from math import exp
from typing import Any

import numpy as np
import pandas as pd

from rnnexp.analysis.intervals import mean_interval

# losses a run -> the name of their mean, standard deviation and interval
MEANS = {"valid_loss": "valid", "test_loss": "test", "excess": "excess"}
MEANS |= {"bpc": "bpc", "bpb": "bpb", "seen_loss": "seen"}
MEDIANS = ["unseen", "epoch_s", "epoch_cpu_s", "train_cpu_s", "s_to_best"]
# the same for all runs of a configuration, or else every value is named
SETTINGS = ["cell", "dataset", "hidden_size", "parameters", "recurrent_parameters", "operations_per_token"]
CHOSEN = ["lr", "trials"]


def numbers(runs: pd.DataFrame, configurations: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each configuration, in their order.

    Losses are in nats per token, with standard deviation and 95% t interval over the seeds; a
    perplexity is the exponential of a mean loss and of its interval's ends.

    Parameters
    ----------
    runs : as in `Study.runs`.
    """
    return [summary(runs[runs["configuration"] == name], name) for name in configurations]


def summary(runs: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return the numbers of one configuration, whose runs these are."""
    final = runs[runs["role"] == "final"]
    counted = final[final["status"] == "finished"]
    diverged = int((final["status"] == "diverged").sum())
    row: dict[str, Any] = {"configuration": name, "finished": len(counted), "begun": len(final)}
    row["diverged"] = diverged
    row["seeds"] = sorted(int(seed) for seed in counted["seed"].dropna())
    known = counted if len(counted) else final
    row |= {key: one_or_all(column(known, key)) for key in SETTINGS + CHOSEN}
    losses = counted.assign(excess=column(counted, "test_loss") - column(counted, "best_reachable"))
    for source, key in MEANS.items():
        values = finite(column(losses, source))
        row[key] = mean_interval(values) if len(values) else None
    for key in ("valid", "test"):
        if (mean := row[key]) is not None:
            row[f"{key}_ppl"] = {end: exp(getattr(mean, end)) for end in ("mean", "low", "high")}
        else:
            row[f"{key}_ppl"] = None
    row["best_reachable"] = middle(column(counted, "best_reachable"))
    return row | {key: middle(column(counted, key)) for key in MEDIANS}


def column(runs: pd.DataFrame, key: str) -> pd.Series:
    """Return a column, empty where nobody recorded it."""
    return runs[key] if key in runs else pd.Series(np.nan, index=runs.index)


def finite(values: pd.Series) -> np.ndarray:
    """Return the values that are numbers."""
    array = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    return array[np.isfinite(array)]


def middle(values: pd.Series) -> float | None:
    """Return the median of the values that are numbers, if any."""
    known = finite(values)
    return float(np.median(known)) if len(known) else None


def one_or_all(values: pd.Series) -> Any:
    """Return the one value there is, a list of several, or None."""
    known = values.dropna().unique().tolist()
    return (known[0] if len(known) == 1 else sorted(known, key=str)) if known else None
