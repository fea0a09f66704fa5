"""Compute statistics over the runs of a study; `analysis.tables` puts their rows in words."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.columns import COLUMNS
from analysis.configurations import tuned_settings
from analysis.intervals import mean_interval


@dataclass(frozen=True)
class PairedDifference:
    """Hold the mean of `worse` minus `better` in test perplexity over paired seeds, and its 95% t interval."""

    better: str
    worse: str
    mean: float
    low: float
    high: float
    seeds: int


def summarise(runs: pd.DataFrame, finished: pd.DataFrame, settings: dict[str, str]) -> pd.DataFrame:
    """Return one row a configuration, the best test perplexity first; those without one last, by validation.

    Parameters
    ----------
    runs : all of them, with `group` and `seed`.
    finished : those that count.
    settings : as from `varying_settings`; a row has a column for each of their config keys.
    """
    rows = []
    for group, members in runs.groupby("group", sort=False):
        counted = finished[finished["group"] == group]
        row = {"group": group, **{key: members[f"params.{key}"].iloc[0] for key in settings}}
        row |= {"runs": len(counted), "seeds": members["seed"].nunique()}
        for column in COLUMNS:
            row |= column.summarise(counted[column.source])
        rows.append(row)
    return pd.DataFrame(rows).sort_values(["test_mean", "valid_mean"]).reset_index(drop=True)


def paired_differences(finished: pd.DataFrame, settings: dict[str, str]) -> list[PairedDifference]:
    """Return the difference of each pair of cells that share two seeds or more.

    All settings but the cell's and the optimizer's are equal in a pair. Where a cell was run with
    several optimizer settings, the one with the best mean validation perplexity stands for it.
    """
    differences = []
    cell = [f"params.{key}" for key in settings if key.startswith("cell.")]
    optimizer = [f"params.{key}" for key in optimizer_settings(finished, settings)]
    others = [f"params.{key}" for key in settings if f"params.{key}" not in cell + optimizer]
    for _, equal in finished.groupby([finished[key].fillna("") for key in others] or (lambda _: 0)):
        tests: dict[str, pd.Series] = {}
        for _, tried in equal.groupby([equal[key].fillna("") for key in cell]):
            best = str(tried.groupby("group")["metrics.best/valid_ppl"].mean().idxmin())
            tests[best] = tried[tried["group"] == best].set_index("seed")["metrics.test/ppl"]
        ranked = sorted(tests, key=lambda group: tests[group].mean())
        for k, better in enumerate(ranked):
            for worse in ranked[k + 1 :]:
                paired = (tests[worse] - tests[better]).dropna()
                if len(paired) > 1 and np.isfinite(paired).all():
                    gap = mean_interval(paired)
                    row = PairedDifference(better, worse, gap.mean, gap.low, gap.high, gap.n)
                    differences.append(row)
    return differences


def optimizer_settings(finished: pd.DataFrame, settings: dict[str, str]) -> list[str]:
    """Return the settings that may differ within a pair: the optimizer's, and what a search chose."""
    tuned = tuned_settings(finished)
    return [key for key in settings if key.startswith("optimizer.") or key in tuned]


def tuning_trials(finished: pd.DataFrame) -> dict[str, str]:
    """Return for each cell how many trials tuned it ("20", or "7/20" where its runs differ)."""
    if not tuned_settings(finished):
        return {}
    trials = finished.groupby("params.cell.name")["tags.rnnexp.tuning_trials"]
    return {str(cell): "/".join(sorted(set(numbers))) for cell, numbers in trials}


def is_beaten(values: np.ndarray) -> np.ndarray:
    """Return for each row (N, 3) whether another is no larger anywhere and smaller somewhere."""
    no_worse = (values[:, None] <= values).all(axis=2)
    better = (values[:, None] < values).any(axis=2)
    return np.any(no_worse & better, axis=0)
