"""Choose what a figure shows from the table of a study's runs."""

import numpy as np
import pandas as pd

from rnnexp.analysis.described import DONE

MEASURES = {"test_loss": "test loss", "valid_loss": "validation loss"}


def counted(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that are reported and came to an end, those that diverged among them."""
    is_reported = runs["reported"] == True if "reported" in runs else True  # noqa: E712  empty is not
    return runs[is_reported & runs["status"].isin(DONE)]


def finished(runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the counted runs that finished and whose measure is a number."""
    own = counted(runs)
    return own[(own["status"] == "finished") & np.isfinite(column(own, measure))]


def column(runs: pd.DataFrame, name: str) -> pd.Series:
    """Return a column as numbers; NaN where it is not recorded."""
    if name not in runs:
        return pd.Series(np.nan, index=runs.index)
    return pd.to_numeric(runs[name], errors="coerce").astype(float)


def ranked(runs: pd.DataFrame) -> list[str]:
    """Return the configurations by their mean validation loss; those of which none finished are the last."""
    own = counted(runs)
    losses = column(own, "valid_loss").where(own["status"] == "finished")
    means = losses.groupby(own["configuration"]).mean().replace([np.inf, -np.inf], np.nan)
    return list(means.sort_index().sort_values(kind="stable", na_position="last").index)


def best_of_each_cell(runs: pd.DataFrame) -> list[str]:
    """Return for each cell the configuration with the least mean validation loss, in this order."""
    names = ranked(runs)
    cells = counted(runs).groupby("configuration")["cell"].first()
    best: dict[str, str] = {}
    for name in names:
        best.setdefault(str(cells[name]), name)
    return list(best.values())


def reachable(runs: pd.DataFrame, measure: str) -> float | None:
    """Return the best loss that can be reached, in nats; None where it is not known or not one.

    It belongs to a split of one text: `best_reachable` to the test split, `best_reachable_valid` to validation.
    """
    own = counted(runs)
    if "dataset" not in own or own["dataset"].nunique() != 1:
        return None
    known = column(
        own, {"test_loss": "best_reachable", "valid_loss": "best_reachable_valid"}[measure]
    ).dropna()
    return float(known.iloc[0]) if len(known) and np.ptp(known) < 1e-6 else None


def join(words: list[str]) -> str:
    """Return words as a list in a sentence: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
