"""Choose the runs of a study that a claim is judged by."""

from typing import Any

import pandas as pd

from rnnexp.analysis.described import Recorded
from rnnexp.analysis.study import Study


def counted(study: Study, *settings: str) -> pd.DataFrame:
    """Return the finished runs in the numbers, with these settings as columns of numbers.

    A setting that is null, or not a number, is missing.
    """
    runs = everything(study, *settings)
    return runs[runs["reported"].astype(bool) & (runs["fate"] == "") & (runs["status"] == "finished")]


def everything(study: Study, *settings: str) -> pd.DataFrame:
    """Return all runs, whatever became of them, with these settings as columns of numbers."""
    has = Recorded(study.recorded)
    columns = {key: has.number(f"params.{key}") for key in settings}
    return study.runs.assign(**columns)


def values(runs: pd.DataFrame, column: str, **chosen: object) -> list[float]:
    """Return a column of the runs that have these values, in the order of their seeds."""
    for key, value in chosen.items():
        runs = runs[runs[key] == value]
    return [float(value) for value in runs.sort_values("seed")[column].dropna()]


def losses_by_seed(runs: pd.DataFrame) -> pd.Series:
    """Return the test losses of runs by their seeds, in order."""
    return runs.set_index("seed")["test_loss"].sort_index()


def is_on(study: Study, setting: str, runs: pd.DataFrame) -> pd.Series:
    """Return which of the runs have a setting that is true."""
    return Recorded(study.recorded).text(f"params.{setting}")[runs.index].str.lower() == "true"


def cells_of(runs: pd.DataFrame) -> list[str]:
    """Return the cells among runs, in the order LSTM, GRU, RNN, others."""
    order = ["lstm", "gru", "rnn"]
    found = {str(cell) for cell in runs["cell"].dropna()}
    return [cell for cell in order if cell in found] + sorted(found - set(order))


def number(key: Any) -> float:
    """Return a number that pandas has as a key of groups."""
    return float(key)
