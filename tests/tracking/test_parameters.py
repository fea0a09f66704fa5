"""Which keys of a config become parameters of a record."""

import pytest

from rnnexp.records.folder import RunFolder
from rnnexp.tracking.mlflow.contents import not_parameters

CONFIG = {"device": "cpu", "threads": 1, "engine": "numpy", "seed": 0}


@pytest.mark.parametrize(
    ("tags", "more", "expected"),
    [
        ({"rnnexp.not_parameters": "engine,train.swa"}, {}, {"engine", "train.swa"}),
        ({}, {}, {"device", "threads", "engine", "tf32"}),
        ({}, {"tf32": False}, {"device", "threads", "engine", "tf32"}),
        ({}, {"tf32": True}, {"device", "threads", "engine"}),
    ],
    ids=["recorded", "from before tf32", "without it", "with it"],
)
def test_a_run_says_which_keys_are_none_and_one_from_before_need_not(tmp_path, tags, more, expected):
    folder = RunFolder(tmp_path)
    folder.prepare(CONFIG | more)
    with folder.claimed():
        folder.save_tags(tags)
    assert set(not_parameters(folder)) == expected
