"""A run from Python is that of the command, and a folder is never left as it is without a word."""

import gc
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import rnnexp
from rnnexp.errors import UserError
from rnnexp.experiment import runner
from rnnexp.records.folder import RunFolder
from rnnexp.training.state import TrainState
from tests.api.conftest import SHORT, SMALL
from tests.conftest import QUICK

LOSSES = ["train/loss", "valid/loss", "grad_norm", "lr", "updates", "tokens"]


def test_the_numbers_are_those_of_the_command(in_process, tmp_path):
    assert in_process(*QUICK, "cell=gru", "model.dropout=0.1", "hydra.run.dir=command").returncode == 0
    ours = rnnexp.train(cell="gru", dropout=0.1, **SMALL)
    theirs = rnnexp.load(tmp_path / "command")
    assert ours.history[LOSSES].equals(theirs.history[LOSSES])
    assert ours.test_ppl == theirs.test_ppl
    assert ours.kept.tags()["rnnexp.config_hash"] == theirs.kept.tags()["rnnexp.config_hash"]
    with np.load(ours.folder / "best.npz") as a, np.load(theirs.folder / "best.npz") as b:
        names = [name for name in a.files if a[name].dtype == np.float32]
        assert names
        assert all(np.array_equal(a[name], b[name]) for name in names)


def test_runs_in_threads_take_turns(tmp_path):
    # more tokens than are worth sharing out, so that the first to end would take the other's threads away
    large = {"hidden_size": 400, "embed_size": 400, "batch_size": 20, "threads": 2, "progress": False}
    settings = [SMALL | large | {"seed": seed, "max_epochs": epochs} for seed, epochs in enumerate((1, 4, 1))]
    alone = [rnnexp.train(**own).history[LOSSES] for own in settings]
    with ThreadPoolExecutor(len(settings)) as pool:
        together = [run.history[LOSSES] for run in pool.map(lambda own: rnnexp.train(**own), settings)]
    assert all(map(pd.DataFrame.equals, alone, together))


def test_a_run_without_a_folder_goes_with_its_object_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = rnnexp.train(cell="gru", **SHORT)
    folder = run.folder
    gc.collect()
    assert len(run.generate(num=2, length=3)) == 2
    assert not any(tmp_path.iterdir())
    del run
    gc.collect()
    assert not folder.exists()


def test_a_failure_without_a_folder_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("rnnexp.api.train.mkdtemp", lambda prefix: str(tmp_path / "made"))
    with pytest.raises(UserError, match="must be at least 1"):
        rnnexp.train({"train.bptt": 0})
    assert not any(tmp_path.iterdir())


def test_a_finished_run_is_returned_and_that_is_said(trained, capsys):
    again = rnnexp.train(cell="gru", folder=trained.folder, **SHORT)
    assert again.test_ppl == trained.test_ppl
    assert "has finished with these settings and is returned" in capsys.readouterr().err


def test_other_settings_in_a_folder_are_refused(trained):
    with pytest.raises(UserError, match="holds a run with other settings"):
        rnnexp.train(cell="gru", folder=trained.folder, **(SHORT | {"lr": 2}))


def test_other_settings_are_refused_where_only_the_result_stays(tmp_path):
    rnnexp.train(folder=tmp_path / "run", keep="nothing", **SHORT)
    with pytest.raises(UserError, match="holds a run with other settings"):
        rnnexp.train(folder=tmp_path / "run", keep="nothing", **(SHORT | {"lr": 2}))


def test_an_interrupted_run_stays_and_goes_on(monkeypatch, capsys):
    add = TrainState.add_window

    def interrupted(self, *args, **kwargs):
        add(self, *args, **kwargs)
        if self.step == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TrainState, "add_window", interrupted)
    made = []
    do = runner.run_experiment
    monkeypatch.setattr(
        runner, "run_experiment", lambda c, folder, **more: made.append(folder) or do(c, folder, **more)
    )
    with pytest.raises(KeyboardInterrupt):
        rnnexp.train(cell="gru", **SHORT)
    monkeypatch.undo()
    run = rnnexp.train(cell="gru", folder=made[0].path, **SHORT)
    assert "goes on after epoch 0" in capsys.readouterr().err
    assert run.history.equals(run.history)
    assert run.test_ppl == rnnexp.train(cell="gru", **SHORT).test_ppl
    for file in run.folder.iterdir():
        file.unlink()
    run.folder.rmdir()


def test_tracking_needs_a_folder():
    with pytest.raises(UserError, match="tracking='mlflow' needs a run that stays"):
        rnnexp.train(tracking="mlflow")


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds thesis\.txt and no run"):
        rnnexp.train(folder=tmp_path, **SHORT)
    with pytest.raises(UserError, match="is no run folder"):
        rnnexp.load(tmp_path)


def test_a_run_that_goes_on_elsewhere_can_be_read(trained, tmp_path):
    folder = RunFolder(tmp_path / "begun")
    folder.prepare(trained.config)
    run = rnnexp.load(folder.path)
    assert (run.test_ppl, run.valid_ppl, len(run.history)) == (None, None, 0)
    assert "0 epochs" in repr(run)
