"""A run folder that a newer program wrote is refused in one line, and stays as it is."""

import json

import pytest

from rnnexp.cli import generate, resume, sync
from rnnexp.errors import UserError
from rnnexp.experiment import config_hash, runner
from rnnexp.records import lease
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps import offline
from rnnexp.sweeps.job import Job
from rnnexp.sweeps.scheduler import Sweep
from tests.cli.test_train import one_line
from tests.conftest import QUICK
from tests.experiment.test_configs import composed

MESSAGE = "is a run folder of format 99, and this rnnexp knows"


@pytest.fixture
def newer(tmp_path, monkeypatch):
    """A run folder of the default name, stopped by a program that knows more."""
    monkeypatch.chdir(tmp_path)
    config = composed(*QUICK)
    folder = RunFolder(tmp_path / "runs" / "default" / config_hash.run_name(config))
    with folder.claimed():
        folder.save_config(config)
        folder.save_tags({"rnnexp.config_hash": config_hash.hashes(config)[0]})
    state = json.loads(folder.state_file.read_text())
    folder.state_file.write_text(json.dumps(state | {"format": 99}))
    before = everything(folder)
    yield folder
    assert everything(folder) == before


def everything(folder):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.path.rglob("*")}


def test_the_format_is_written_and_a_folder_without_it_is_of_the_first(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.claimed():
        pass
    state = json.loads(folder.state_file.read_text())
    assert state.pop("format") == lease.FORMAT
    folder.state_file.write_text(json.dumps(state))
    with folder.claimed():
        assert folder.state()["number"] == 2
    assert json.loads(folder.state_file.read_text())["format"] == lease.FORMAT


def test_the_same_command(newer, in_process):
    one_line(in_process(*QUICK), newer.path.name, MESSAGE)


def test_resume(newer):
    with pytest.raises(UserError, match=MESSAGE):
        resume.run([str(newer.path)])


def test_a_run(newer):
    with pytest.raises(UserError, match=MESSAGE):
        runner.run_experiment(composed(*QUICK), newer, wait=True)


def test_generate(newer):
    with pytest.raises(UserError, match=MESSAGE):
        generate.generate(generate.Options(run=str(newer.path)))


def test_offline(newer):
    with pytest.raises(UserError, match=MESSAGE):
        offline.find_jobs([newer.path], {})


def test_sync(newer, tmp_path, capsys):
    assert sync.run(["runs", f"uri=sqlite:///{tmp_path}/store.db"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert MESSAGE in line
    assert not (tmp_path / "store.db").exists()


def test_a_sweep_fails_that_job_and_does_the_others(newer, tmp_path):
    configs = composed(*QUICK), composed(*QUICK, "engine=numpy", "seed=1", "train.max_epochs=0")
    other = RunFolder(tmp_path / "other")
    jobs = [Job("newer", configs[0], newer), Job("other", configs[1], other)]
    work = Sweep(jobs, workers=1, timeout=None, on_error="keep_going")
    work.run()
    assert [job.outcome for job in jobs] == ["failed", "finished"]
    assert MESSAGE in jobs[0].error


def test_the_store_is_told_nothing(newer):
    with pytest.raises(UserError, match=MESSAGE):
        newer.to_deliver("sqlite:///store.db")
