"""Names and values as Python has them become the config of the command, or are refused with a suggestion."""

from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir, version
from hydra.core.global_hydra import GlobalHydra

from rnnexp.api.settings import config_of, key_of
from rnnexp.errors import UserError
from rnnexp.experiment.config_hash import hashes
from rnnexp.experiment.versions import VERSION_BASE
from rnnexp.installation import CONF
from rnnexp.sweeps.configs import open_configs
from tests.helpers.requests import make_job


def of_command(*overrides):
    with open_configs():
        return make_job("of command", [*overrides, "tracking=none"]).config


@pytest.mark.parametrize(
    ("settings", "overrides"),
    [
        ({}, []),
        ({"cell": "gru", "hidden_size": 128, "seed": 3}, ["cell=gru", "model.hidden_size=128", "seed=3"]),
        ({"experiment": "demo_gru", "optimizer.lr": 2}, ["experiment=demo_gru", "optimizer.lr=2"]),
        ({"experiment": "claims/copying"}, ["experiment=claims/copying"]),
        (
            {"hidden_size": np.int64(9), "dropout": np.float32(0.5)},
            ["model.hidden_size=9", "model.dropout=0.5"],
        ),
        *(
            ({"layer_sizes": sizes}, ["model.layer_sizes=[9,8]"])
            for sizes in [np.array([9, 8]), (np.int64(9), 8)]
        ),
        (
            {"experiment": "awd_small_gru", "without": ["weight_drop", "penalties"]},
            ["experiment=awd_small_gru", "without=[weight_drop,penalties]"],
        ),
        ({"evaluation": ["exact", "dlfs2"]}, ["evaluation=[exact,dlfs2]"]),
        ({"experiment": None, "patience": None}, ["train.patience=null"]),
        ({"dataset": "ptb", "dir": Path("/a/b")}, ["dataset=ptb", "dataset.dir=/a/b"]),
        (
            {"dataset": "dinos", "data.root": "x", "split": (0.8, 0.1, 0.1)},
            ["dataset=dinos", "data.root=x", "dataset.split=[0.8,0.1,0.1]"],
        ),
    ],
)
def test_the_config_is_that_of_the_command(settings, overrides):
    (config, _), theirs = config_of(settings), of_command(*overrides)
    assert config == theirs
    assert hashes(config) == hashes(theirs)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hiden_size": 3}, "hiden_size is not known: did you mean hidden_size?"),
        ({"model.hiden_size": 3}, "did you mean model.hidden_size?"),
        ({"cell": "gruu"}, "cell='gruu' is not known: did you mean gru?"),
        ({"cell": "lstm,gru"}, "cell='lstm,gru' is not known"),
        ({"cell": 3}, "cell=3 must be the name of one of cifg, gru"),
        (
            {"cell": "gru", "forget_bias": 1},
            "forget_bias is an option of cell=lstm or cell=mlstm or cell=peephole, which is not chosen here",
        ),
        ({"workers": 2}, "workers is not known"),
        ({"sweep.workers": 2}, "sweep.workers is for the command"),
        ({"rerun": True}, "rerun is for the command"),
        ({"hidden_size": 3, "model.hidden_size": 4}, "model.hidden_size is given twice"),
        ({"hidden_size": "x"}, "model.hidden_size='x': Value 'x' of type 'str' could not be converted"),
        ({"dataset": "text"}, "dataset.path has no value"),
    ],
)
def test_a_mistake_is_named(settings, said):
    with pytest.raises(UserError) as error:
        config_of(settings)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_name_of_two_keys_is_refused():
    with pytest.raises(UserError, match=r'max_tokens may be .*: write \{"a\.max_tokens": \.\.\.\} or'):
        key_of("max_tokens", {"a.max_tokens": None, "b.max_tokens": None})


def test_text_is_text():
    """What looks like Hydra's grammar, or like an interpolation, is a value like any other."""
    config, _ = config_of({"dataset": "text", "path": "/a/${oc.env:HOME},b=[1]"})
    assert config["dataset"]["path"] == "/a/${oc.env:HOME},b=[1]"


def test_the_callers_own_hydra_is_left_alone(tmp_path):
    (tmp_path / "mine.yaml").write_text("a: 1\n")
    other = {"version_base": "1.2"} if VERSION_BASE else {}  # than ours, where there are several
    with initialize_config_dir(str(tmp_path), **other):
        before = GlobalHydra.instance().hydra, version.getbase()
        config_of({"cell": "gru"})
        assert (GlobalHydra.instance().hydra, version.getbase()) == before
        assert compose("mine") == {"a": 1}
    assert CONF.is_dir()
