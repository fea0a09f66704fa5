"""Runs are chosen by their settings, and what is no choice is named."""

import pytest

from rnnexp.analysis.where import keep, parse
from rnnexp.errors import UserError
from tests.helpers.recorded_runs import runs_table

RUNS = runs_table(
    ("lstm", 0, "FINISHED", 9.0, {"model.num_layers": "1", "model.dropout": "0.50"}),
    ("gru", 1, "FINISHED", 9.0, {"model.num_layers": "2", "train.max_steps": "null"}),
    ("gru", 2, "FINISHED", 9.0, {"model.num_layers": "2", "model.dropout": "0.5", "dataset.name": "ptb"}),
)


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("", [0, 1, 2]),
        ("dataset.name=ptb and model.num_layers=2", [2]),
        ("cell=gru and dataset!=ptb", [1]),
        ("model.dropout=0.5", [0, 2]),
        ("model.dropout!=.5", [1]),
        ("train.max_steps = null", [1]),
        ("seed!=0 and seed!=1", [2]),
    ],
)
def test_what_is_kept(where, kept):
    assert keep(RUNS, parse(where)).index.tolist() == kept


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("ptb", "where: 'ptb' is no condition: write KEY=VALUE or KEY!=VALUE, joined by and"),
        ("cell=gru or cell=lstm", "is no condition"),
        ("model.dropout>0.5", "is no condition"),
        ("cell=", "is no condition"),
        ("model.droput=1", "no run records the setting model.droput: did you mean model.dropout?"),
        ("cell=rnn", "no run is left; cell.name has the values gru, lstm"),
    ],
)
def test_what_is_no_choice_is_named(where, message):
    with pytest.raises(UserError) as refused:
        keep(RUNS, parse(where))
    assert message in str(refused.value)
