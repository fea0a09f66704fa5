"""Which config keys tell configurations apart: those that the runs record, or of older runs a stated list."""

import pandas as pd

from rnnexp.analysis.configurations import result_keys, varying_settings

RUNS = pd.DataFrame(
    {
        "params.cell.name": ["lstm", "gru"],
        "params.seed": ["0", "0"],
        "params.model.dropout": ["0.1", "0.2"],
        "params.train.log_every": ["1", "2"],
        "params.dataset.cache": ["here", "there"],
    }
)
KEYS = "seed,cell.name,model.dropout"


def test_a_key_that_no_run_names_is_no_setting():
    runs = RUNS.assign(**{"tags.rnnexp.result_keys": [KEYS, KEYS]})
    assert result_keys(runs) == {"seed", "cell.name", "model.dropout"}
    assert varying_settings(runs) == {"cell.name": "cell", "model.dropout": "dropout"}


def test_a_key_that_one_run_names_is_a_setting():
    runs = RUNS.assign(**{"tags.rnnexp.result_keys": [KEYS, f"{KEYS},train.log_every"]})
    assert set(varying_settings(runs)) == {"cell.name", "model.dropout", "train.log_every"}


def test_runs_from_before_have_every_key_but_those_listed():
    assert set(varying_settings(RUNS)) == {"cell.name", "model.dropout", "train.log_every"}
