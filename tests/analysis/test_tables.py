"""The table says what the records say."""

from math import nan

import pandas as pd
import pytest

from analysis.columns import COLUMNS, Column, spread
from analysis.comparison import compare
from analysis.tables import markdown, table_columns
from tests.helpers.recorded_runs import NO_HISTORY, finished


def test_each_column_holds_what_it_says():
    history = pd.DataFrame(
        {"run_id": ["0", "0", "0", "1"], "epoch": [1, 2, 3, 1], "epoch_s": [1.0, 1.0, 9.0, 3.0]}
    )
    text = markdown(compare(finished(("gru", 10.0, {})), history))
    header, _, row = (line.strip("| ").split("|") for line in text.splitlines()[:3])
    cells = dict(zip((name.strip() for name in header), (cell.strip() for cell in row)))
    assert cells == {
        "cell": "gru",
        "runs": "2",
        "parameters": "7",
        "valid ppl": "21.00 ± 1.41",
        "test ppl": "10.50 ± 0.71",
        "best reachable test ppl": "5.250",
        "s/epoch": "2.00",
    }


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (3.14159, 0.01, "3.142 ± 0.010"),
        (135.31, 0.42, "135.3 ± 0.4"),
        (9876.5, nan, "9876"),
        (nan, nan, "-"),
        (float("inf"), nan, "inf"),
    ],
)
def test_spread(mean, sd, text):
    assert spread(mean, sd) == text


def test_infinite_perplexities_do_not_spoil_the_report():
    text = markdown(compare(finished(("lstm", 10.0, {}), ("gru", 1.7e308, {})), NO_HISTORY))
    assert "| gru  | 2    | 7          | inf " in text
    assert "minus" not in text


def test_runs_that_were_not_tested_count_and_stand_last_by_validation():
    runs = finished(("gru", 12.0, {}), ("lstm", 10.0, {}), ("rnn", 14.0, {}))
    runs.loc[runs["params.cell.name"] != "rnn", "metrics.test/ppl"] = nan
    comparison = compare(runs, NO_HISTORY)
    assert comparison.groups["group"].tolist() == ["rnn", "lstm", "gru"]
    assert comparison.groups["runs"].tolist() == [2, 2, 2]
    assert table_columns(comparison)["test ppl"] == ["14.50 ± 0.71", "-", "-"]
    assert comparison.problems == []
    assert comparison.differences == []


@pytest.fixture
def bits_per_character():
    COLUMNS.append(Column("bpc", "metrics.test/bpc", "test bpc", optional=True))
    yield
    COLUMNS.pop()


@pytest.mark.usefixtures("bits_per_character")
def test_a_metric_more_is_an_entry_more():
    runs = finished(("gru", 10.0, {}), ("lstm", 12.0, {}))
    assert "test bpc" not in markdown(compare(runs, NO_HISTORY)), "no run has it"
    runs["metrics.test/bpc"] = [2.0, 2.5, nan, nan]
    comparison = compare(runs, NO_HISTORY)
    assert comparison.groups["bpc_mean"].tolist() == pytest.approx([2.25, nan], nan_ok=True)
    assert table_columns(comparison)["test bpc"] == ["2.250 ± 0.354", "-"]
