"""Compare the configurations of a study: which runs count, what each reached, how they differ."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.checks import describe_missing, runs_without_config
from analysis.columns import COLUMNS
from analysis.configurations import name_configurations, varying_settings
from analysis.statistics import PairedDifference, paired_differences, summarise

LARGEST = 1e300  # MLflow keeps infinity as a number above it


@dataclass
class Comparison:
    """Hold what a study shows.

    groups : one row a configuration, numbers; its column `group` is the configuration in words.
    settings : config key -> how it is called, for those that tell the groups apart; the cell first.
    finished : the runs that count, one a configuration and seed, with columns `group` and `seed`.
    problems : sentences about runs that are missing, failed or left out.
    differences : pairs of cells.
    """

    groups: pd.DataFrame
    settings: dict[str, str]
    finished: pd.DataFrame
    problems: list[str]
    differences: list[PairedDifference]


def compare(runs: pd.DataFrame, history: pd.DataFrame) -> Comparison:
    """Group the runs of a study by everything but the seed, and compare the groups.

    Parameters
    ----------
    runs, history : as from `load_runs` and `load_history` (of which `epoch_s` is read).
    """
    nameless = runs_without_config(runs)
    problems = [f"run {run_id}: died before it recorded its config" for run_id in runs["run_id"][nameless]]
    runs = with_recorded_columns(runs[~nameless], history)
    settings = varying_settings(runs)
    runs["group"] = name_configurations(runs, settings)
    counts = (runs["status"] == "FINISHED") & runs["metrics.best/valid_ppl"].notna()
    finished = runs[counts].drop_duplicates(["group", "seed"], keep="last")
    return Comparison(
        groups=summarise(runs, finished, settings),
        settings=settings,
        finished=finished,
        problems=problems + describe_missing(runs, finished),
        differences=paired_differences(finished, settings),
    )


def with_recorded_columns(runs: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with every column that a table needs: `seed`, `epoch_s`, and missing metrics as NaN."""
    runs = runs.copy()
    runs["seed"] = runs["params.seed"].astype(int)
    runs["epoch_s"] = runs["run_id"].map(history.groupby("run_id")["epoch_s"].median().astype(float))
    for column in COLUMNS:
        if column.source not in runs:
            runs[column.source] = np.nan
        values = runs[column.source]
        runs[column.source] = values.mask(values > LARGEST, np.inf)
    return runs
