"""The commands on the page make the same runs again."""

import json
import shlex

import pandas as pd
import pytest

from rnnexp.analysis.report.commands import commands, overrides, quoted
from rnnexp.records.digests import leaves
from tests.analysis.report.studies import Store, of_seeds
from tests.experiment.test_configs import composed


def recorded(config):
    """A config as MLflow keeps it."""
    flat = leaves(config)
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in flat.items()}
    keys = [
        key for key in flat if not key.startswith(("study", "tracking", "train.sample", "device", "threads"))
    ]
    tags = {"tags.rnnexp.result_keys": ",".join(keys), "study": "s"}
    return tags | {f"params.{key}": value for key, value in values.items()}


@pytest.mark.parametrize(
    "given",
    [
        ["cell=gru", "model.hidden_size=14", "optimizer.lr=2.5", "seed=1"],
        ["experiment=dlfs2_better_lstm"],
        ["cell=lstm", "evaluation=[dlfs2,exact]", "optimizer=adagrad"],
        ["dataset=text", "dataset.path='a file, with {braces} and \\'quotes\\'.txt'"],
    ],
)
def test_the_overrides_compose_the_config_again(given):
    config = composed(*given)
    again = composed(*overrides(pd.DataFrame([recorded(config)])))
    before, after = leaves(config), leaves(again)
    assert {key: after[key] for key in before if key != "study"} == {
        key: value for key, value in before.items() if key != "study"
    }


def test_a_command_for_each_configuration_with_all_its_seeds():
    first, second = commands(of_seeds(3).load())
    assert first["configuration"] == "lstm"
    words = shlex.split(first["command"])
    assert words[:4] == ["rnnexp", "-m", "study=cells", "cell=lstm"]
    assert words[-1] == "seed=0,1,2"
    assert "cell=gru" in second["command"]


def test_a_run_that_does_not_record_its_keys_has_no_command():
    store = Store().add("lstm", 0, tags={"result_keys": None})
    assert commands(store.load()) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [("8.0", "8.0"), ("[1, 2]", "[1, 2]"), ("a,b", "'a,b'"), ("", "''"), ("it's", "'it\\'s'")],
)
def test_what_hydra_would_take_apart_is_quoted(value, expected):
    assert quoted(value) == expected
