"""Describe runs whatever state they are in: what the analysis asks is there, or said to be missing."""

import warnings

import pandas as pd

from rnnexp.analysis.described import describe
from tests.helpers.recorded_runs import NO_HISTORY, runs_table

HOUR = pd.Timedelta(hours=1)


def test_runs_that_were_at_work_at_the_same_time_shared_the_machine():
    runs = runs_table(*(("lstm", seed, "FINISHED", 3.0, {}) for seed in range(3)))
    begin = pd.Series(pd.to_datetime(["2026-01-01 01:00", "2026-01-01 02:30", "2026-01-01 09:00"], utc=True))
    table = describe(runs.assign(start_time=begin, end_time=begin + 2 * HOUR), NO_HISTORY)
    assert [bool(value) for value in table["shared_machine"]] == [True, True, False]


def test_while_all_runs_are_under_way_none_has_shared_it():
    runs = runs_table(("lstm", 0, "RUNNING", float("nan"), {}), ("gru", 0, "RUNNING", float("nan"), {}))
    begin = pd.Series(pd.to_datetime(["2026-01-01 01:00", "2026-01-01 02:00"], utc=True)).dt.as_unit("s")
    for ends in begin.where([False, False]), pd.Series([pd.NaT, pd.NaT], dtype="datetime64[s]"):
        table = describe(runs.assign(start_time=begin, end_time=ends), NO_HISTORY)
        assert table["shared_machine"].isna().all()


def test_the_perplexity_of_a_very_large_loss_is_infinite_without_a_warning():
    runs = runs_table(("lstm", 0, "FINISHED", 3.0, {})).assign(**{"metrics.test/loss": [1000.0]})
    with warnings.catch_warnings(action="error"):
        assert describe(runs, NO_HISTORY)["test_ppl"].iloc[0] == float("inf")
