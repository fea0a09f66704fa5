"""The challenge ranks runs by loss, iterations and parameters."""

import numpy as np
import pandas as pd
import pytest

from rnnexp.analysis.challenge import is_beaten, markdown, rank_entries
from rnnexp.errors import UserError
from tests.helpers.recorded_runs import finished


def history(*runs):
    """A row an epoch of (validation loss, step), for each run in turn."""
    rows = [
        (str(run_id), epoch, loss, step)
        for run_id, epochs in enumerate(runs)
        for epoch, (loss, step) in enumerate(epochs, 1)
    ]
    return pd.DataFrame(rows, columns=["run_id", "epoch", "valid/loss", "updates"])


def test_an_entry_is_the_best_epoch_of_a_run():
    runs = finished(("gru", 10.0, {}), ("lstm", 12.0, {}))
    runs["metrics.num_params"] = [7, 7, 9, 9]
    runs.loc[3, "status"] = "FAILED"
    recorded = history([(3.0, 10), (2.0, 20), (2.5, 30)], [(2.5, 10)], [(1.5, 20), (1.75, 30)], [(0.1, 1)])
    table = rank_entries(runs, recorded)
    assert table.to_dict("list") == {
        "entry": ["lstm", "gru", "gru"],
        "seed": ["0", "0", "1"],
        "loss": [1.5, 2.0, 2.5],
        "iterations": [20, 20, 10],
        "parameters": [9, 7, 7],
        "beaten": [False, False, False],
    }
    assert markdown(table).splitlines()[2] == "| 1 | lstm | 0 | 1.5000 | 20 | 9 | nobody beats it |"


def test_of_a_run_that_was_done_again_the_last_counts():
    runs = finished(("gru", 10.0, {}), ("gru", 11.0, {}))
    table = rank_entries(runs, history([(2.0, 10)], [(3.0, 10)], [(2.5, 20)], [(2.75, 20)]))
    assert table["loss"].tolist() == [2.5, 2.75]


def test_losses_on_different_data_are_not_ranked():
    runs = finished(("gru", 10.0, {"dataset.seed": "0"}), ("lstm", 12.0, {"dataset.seed": "1"}))
    with pytest.raises(UserError, match=r"the runs differ in dataset\.seed"):
        rank_entries(runs, history(*[[(2.0, 10)]] * 4))


def test_a_study_without_iterations_is_refused():
    runs = finished(("gru", 10.0, {}))
    with pytest.raises(UserError, match="no finished runs that recorded their iterations"):
        rank_entries(runs, history([(2.0, 10)], [(2.0, 10)]).drop(columns="updates"))


def test_who_is_beaten():
    values = np.array([[1, 5, 5], [2, 4, 5], [2, 5, 5], [1, 5, 5], [3, 3, 3], [3, 3, 4]])
    assert is_beaten(values).tolist() == [False, False, True, False, False, True]
