"""A run is named by what tells it from others."""

import pytest

from rnnexp.experiment.titles import LENGTH, brief_keys, defining_overrides, title
from tests.experiment.test_configs import composed


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], "lstm seed=0"),
        (["cell=gru", "model.dropout=0.2", "seed=1"], "gru dropout=0.2 seed=1"),
        (["seed=3", "++model.dropout=0.5", "cell=rnn"], "rnn dropout=0.5 seed=3"),
        (["cell=lstm_dlfs2", "seed=2"], "lstm_dlfs2 seed=2"),  # by the name it has in conf/
        (["dataset=dinos", "dataset.dir=/a/folder"], "lstm dataset=dinos seed=0"),
        (["experiment=demo", "study=s", "engine=numpy", "tracking=none"], "lstm experiment=demo seed=0"),
        (["tracking.uri=sqlite:///x.db", "sweep.workers=2", "hydra.run.dir=run"], "lstm seed=0"),
        (["dataset=text", "dataset.path=/my/texts/a.txt"], "lstm dataset=text path=a.txt seed=0"),
        (["dataset.seed=7", "optimizer.lr=2"], "lstm dataset.seed=7 lr=2 seed=0"),
    ],
)
def test_the_name_says_cell_settings_and_seed(overrides, expected):
    config = composed(*overrides)
    assert title(config, defining_overrides(config, overrides)) == expected


def test_keys_that_end_alike_are_named_in_full():
    assert brief_keys(["dataset.seed", "optimizer.lr", "model.seed"]) == ["dataset.seed", "lr", "model.seed"]


def test_a_name_is_not_too_long_and_keeps_cell_and_seed():
    overrides = [f"model.key{number}={number}" for number in range(40)]
    name = title(composed(), overrides)
    assert len(name) <= LENGTH + 4
    assert name.startswith("lstm key0=0 ")
    assert name.endswith(" ... seed=0")
