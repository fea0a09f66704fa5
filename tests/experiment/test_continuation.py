"""A finished run that is to be longer goes on, as the run that would have been begun so; what is kept of it."""

import logging

import numpy as np
import pytest

from rnnexp.errors import UserError
from rnnexp.experiment import artifacts, runner
from rnnexp.experiment.config_hash import run_name
from rnnexp.optim.schedules.plateau import Plateau
from rnnexp.records.folder import RunFolder
from tests.cli.test_train import assert_same_run
from tests.conftest import QUICK
from tests.experiment.test_configs import composed


def run(study, *overrides, name=None):
    """Do a run; an epoch is 31 steps."""
    quick = [*QUICK, "dataset.train_tokens=1000", "engine=numpy", "optimizer.lr=4", "model.dropout=0.1"]
    config = composed(*quick, *overrides)
    folder = RunFolder(study / (name or run_name(config)))
    runner.run_experiment(config, folder)
    return folder


LONGER = [
    ("train.max_epochs=2", "train.max_epochs=4"),
    ("train.patience=1 train.max_epochs=6", "train.patience=5 train.max_epochs=6"),
    ("train.max_steps=300 train.max_epochs=2", "train.max_steps=400 train.max_epochs=3"),
]


@pytest.mark.parametrize(("short", "long"), LONGER)
def test_as_the_run_that_would_have_been_begun_so(short, long, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    before = run(tmp_path / "study", *short.split())
    epochs = len(before.records())
    folder = run(tmp_path / "study", *long.split())
    assert f"goes on from {before}, which ended after {epochs} epochs" in caplog.text
    assert_same_run(folder.path, run(tmp_path / "alone", *long.split()).path)
    assert folder.records()[:epochs] == before.records()
    assert folder.tags()["rnnexp.continues"] == before.path.name
    assert not artifacts.lacking(before)


@pytest.mark.parametrize(
    ("short", "long", "why"),
    [
        ("train.max_steps=40", "train.max_steps=50", "train.max_steps ended it within an epoch"),
        ("train.keep=best", "train.max_epochs=3", "its checkpoint is gone"),
    ],
)
def test_where_it_cannot_go_on_a_line_says_so(short, long, why, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    run(tmp_path, short)
    folder = run(tmp_path, long)
    assert f"begins anew, not with the 2 epochs of {tmp_path}" in caplog.text
    assert why in caplog.text
    assert "rnnexp.continues" not in folder.tags()


def test_a_schedule_that_knows_the_length_begins_anew(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    run(tmp_path)
    monkeypatch.setattr(Plateau, "knows_length", True, raising=False)
    run(tmp_path, "train.max_epochs=3")
    assert "schedule=plateau depends on how long a run is" in caplog.text


def test_a_rerun_and_a_folder_of_ones_own_begin_anew(tmp_path):
    run(tmp_path)
    assert "rnnexp.continues" not in run(tmp_path, "train.max_epochs=3", name="mine").tags()


@pytest.mark.parametrize(
    ("keep", "left"), [("all", {"last.npz", "best.npz"}), ("best", {"best.npz"}), ("nothing", set())]
)
def test_what_is_kept(keep, left, tmp_path):
    folder = run(tmp_path, f"train.keep={keep}", "train.max_epochs=3")
    found = {path.name for path in folder.path.glob("*.npz*")} - {"test_nats.npz"}
    assert {name for name in found if not name.endswith(".previous")} == left
    assert keep == "all" or not [name for name in found if name.endswith(".previous")]
    assert run(tmp_path, f"train.keep={keep}", "train.max_epochs=3").result() == folder.result()
    lines = folder.records_file.read_text().splitlines(keepends=True)
    folder.records_file.write_text("".join(lines[:2]))
    if keep == "all":
        assert len(folder.records()) == 3
    else:
        with pytest.raises(UserError, match="it ends after 2 of 3 epochs"):
            RunFolder(folder.path).records()


def test_another_engine_than_a_finished_runs_is_refused(tmp_path):
    run(tmp_path, name="mine")
    with pytest.raises(
        UserError, match="has finished with engine=numpy, not engine=numba: another folder or rerun=true"
    ):
        run(tmp_path, "engine=numba", name="mine")
    run(tmp_path, "engine=null", name="mine")


def test_a_result_of_other_code_is_said(tmp_path, caplog):
    folder = run(tmp_path)
    with folder.claimed():
        folder.save_tags(folder.tags() | {"rnnexp.git_commit": "0123456789"})
    run(tmp_path)
    assert "was made by the code of commit 01234567, now it is" in caplog.text


def test_what_a_run_lacks_that_was_killed_after_its_result_is_made(tmp_path):
    folder = run(tmp_path)
    whole = folder.samples_file.read_text()
    for name in "samples.txt", "curves.png":
        (folder.path / name).unlink()
    run(tmp_path)
    assert folder.samples_file.read_text() == whole
    assert folder.curves_file.exists()
    np.testing.assert_array_equal(artifacts.lacking(folder), [])
