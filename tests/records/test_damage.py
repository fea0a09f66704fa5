"""Files of a run folder that are cut short or altered: named in one line, or made anew; never passed over."""

import json
import logging
import shutil

import numpy as np
import pytest

from rnnexp.cli.generate import load
from rnnexp.cli.sync import sync
from rnnexp.errors import Interrupted, UserError
from rnnexp.experiment import runner, train_and_test
from rnnexp.experiment.models import load_weights, make_model
from rnnexp.records import checkpoint, reading
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.job import Job
from rnnexp.sweeps.scheduler import Sweep
from tests.conftest import QUICK
from tests.experiment.test_configs import composed

FILES = [
    *("config.yaml", "tags.json", "state.json", "records.jsonl", "result.json", "provenance.jsonl"),
    *("vocabulary.json", "last.npz", "best.npz", "test_nats.npz", "delivered.json"),
]
CONFIG = [*QUICK, "dataset.train_tokens=1000", "train.max_epochs=3", "model.dropout=0.1", "engine=numpy"]
TIMES = {"tokens_per_s", "epoch_s", "epoch_cpu_s", "time", "train_cpu_s"}


def config():
    return composed(*CONFIG)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = RunFolder(tmp_path_factory.mktemp("finished"))
    runner.run_experiment(config(), folder)
    folder.deliveries.note("nowhere", {"epochs": 3})
    return folder


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """After two epochs and a part of the third."""
    folder = RunFolder(tmp_path_factory.mktemp("stopped"))

    def stop(state):
        if state.step == 75:  # of 93
            raise Interrupted(15)

    train = train_and_test.fit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_and_test, "fit", lambda *given: train(*given[:-2], stop))
        with pytest.raises(Interrupted):
            runner.run_experiment(config(), folder)
    return folder


def copy(folder, path):
    shutil.copytree(folder.path, path)
    return RunFolder(path)


def cut(path, share):
    """Shorten a file to a share of its bytes; 1 takes its last one."""
    whole = path.read_bytes()
    path.write_bytes(whole[: min(int(len(whole) * share), len(whole) - 1)])


def without_times(values):
    return {key: value for key, value in values.items() if key not in TIMES}


def assert_same(ours, theirs):
    """Everything that the program keeps of a run is there, and that of the other one."""
    assert without_times(ours.result()) == without_times(theirs.result())
    assert list(map(without_times, ours.records())) == list(map(without_times, theirs.records()))
    assert ours.load_config() == theirs.load_config()
    named = {
        "rnnexp.config_hash",
        "rnnexp.result_keys",
        "rnnexp.data_digest",
        "rnnexp.engine",
        "rnnexp.numpy",
    }
    assert {key: ours.tags().get(key) for key in named} == {key: theirs.tags().get(key) for key in named}
    assert not ours.recovered
    np.testing.assert_array_equal(load(ours)[0].params.values, load(theirs)[0].params.values)
    assert ours.state()["status"] == "FINISHED"


def run_again(folder, name):
    """Either the run ends as the whole one has, or one line names the file."""
    try:
        runner.run_experiment(config(), folder)
    except UserError as error:
        said = str(error)
    else:
        return True
    assert name in said
    assert "\n" not in said
    return False


MADE_ANEW = ["config.yaml", "tags.json", "records.jsonl", "result.json", "vocabulary.json", "delivered.json"]


SHARES = [0.6, *(pytest.param(k / 25, marks=pytest.mark.slow) for k in range(26) if k != 15)]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short(name, share, finished, stopped, tmp_path):
    for before in finished, stopped:
        folder = copy(before, tmp_path / before.path.name)
        if not (folder.path / name).exists():
            continue
        cut(folder.path / name, share)
        if run_again(folder, name):
            assert_same(RunFolder(folder.path), finished)
        else:
            assert name not in MADE_ANEW


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("state.json", "delivered.json")])
def test_a_file_that_is_gone(name, finished, stopped, tmp_path):
    for before in finished, stopped:
        folder = copy(before, tmp_path / before.path.name)
        (folder.path / name).unlink(missing_ok=True)
        if run_again(folder, name):
            assert_same(RunFolder(folder.path), finished)


def test_every_reader_says_it_in_one_line(finished, tmp_path):
    for name, read in {
        "vocabulary.json": RunFolder.load_vocabulary,
        "result.json": RunFolder.result,
        "test_nats.npz": RunFolder.test_nats,
        "state.json": RunFolder.state,
    }.items():
        folder = copy(finished, tmp_path / name)
        cut(folder.path / name, 0.5)
        with pytest.raises(UserError, match=f"{name} is damaged") as caught:
            read(folder)
        assert "\n" not in str(caught.value)


def test_epochs_that_are_lost_are_not_passed_over(stopped, tmp_path):
    """Where a checkpoint of an earlier version does not keep them."""
    folder = copy(stopped, tmp_path / "run")
    arrays, meta = checkpoint.read(folder.checkpoint_file)
    del meta["kept"]
    checkpoint.write(folder.checkpoint_file, arrays, meta)
    assert len(folder.records()) == 2
    cut(folder.records_file, 0.8)
    with pytest.raises(UserError, match=r"records.jsonl is damaged \(it ends after 1 of 2 epochs\)"):
        folder.records()
    assert not run_again(folder, "records.jsonl")


def test_records_made_anew_are_those_that_were_there(stopped, tmp_path, caplog):
    folder = copy(stopped, tmp_path / "run")
    whole = folder.records()
    for damage in (
        b"",
        folder.records_file.read_bytes()[:100],
        b"nonsense\n" * 2,
        b'{"epoch": 2}\n{"epoch": 1}\n',
    ):
        folder.records_file.write_bytes(damage)
        found = RunFolder(folder.path)
        assert found.records() == whole
        assert found.records() == whole
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 4
    assert all("records.jsonl" in line and line.endswith("taken from last.npz") for line in said)


def test_a_sign_that_ends_lines_elsewhere_does_not_end_a_record(tmp_path):
    file = tmp_path / "records.jsonl"
    values = [{"text": f"a{sign}b"} for sign in "\u2028\u2029\x85\x0b\x0c"]
    file.write_text(
        "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8"
    )
    assert reading.json_lines(file) == values


def test_the_best_epoch_is_that_of_the_checkpoint(stopped, finished, tmp_path):
    """Also where the records say something else."""
    folder = copy(stopped, tmp_path / "run")
    records = folder.records()
    records[0]["valid/loss"] = 0.1
    folder.records_file.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    assert run_again(folder, "")
    assert folder.result()["best/epoch"] == finished.result()["best/epoch"] != 1


def test_a_sweep_fails_the_damaged_job_alone(finished, tmp_path):
    names = ["state.json", "result.json", "tags.json", "records.jsonl", "config.yaml"]
    jobs = []
    for name in [*names, "whole"]:
        folder = copy(finished, tmp_path / name)
        if name in FILES:
            cut(folder.path / name, 0.5)
        jobs.append(Job(name, config(), folder))
    work = Sweep(jobs, workers=2, timeout=None, on_error="keep_going")
    work.run()
    outcomes = {job.name: job.outcome for job in jobs}
    assert outcomes.pop("whole") == "finished before"
    assert outcomes.pop("state.json") == "failed"
    assert "state.json is damaged" in jobs[0].error
    assert "remove it" in jobs[0].error
    assert set(outcomes.values()) == {"resumed and finished"}
    assert "failed: state.json: " in work.summary()
    for job in jobs[1:]:
        assert_same(RunFolder(job.folder.path), finished)


def test_sync_names_each_damaged_folder_and_does_the_others(finished, tmp_path, capsys):
    for name in "state.json", "result.json", "whole":
        folder = copy(finished, tmp_path / "runs" / name)
        if name != "whole":
            cut(folder.path / name, 0.5)
    copy(finished, tmp_path / "runs" / "none").state_file.unlink()
    counts = sync([tmp_path / "runs"], f"sqlite:///{tmp_path}/store.db", "mlflow")
    assert counts == {"delivered": 1, "not delivered": 3}
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert all("state.json" in line or "result.json is damaged" in line for line in said)


def test_what_is_gone_is_told_from_what_has_not_begun(finished, tmp_path):
    folder = copy(finished, tmp_path / "run")
    folder.vocabulary_file.unlink()
    with pytest.raises(
        UserError, match=r"vocabulary\.json does not exist: the command that began the run makes"
    ):
        load(folder)
    for file in "best.npz", "last.npz", "best.npz.previous", "last.npz.previous":
        (folder.path / file).unlink(missing_ok=True)
    config = folder.load_config()
    model = make_model(config, 10)
    with pytest.raises(
        UserError, match=r"holds no weights: best\.npz is gone; put it back, or train it again"
    ):
        load_weights(model, folder.path)
    folder.prepare(config | {"train": config["train"] | {"keep": "nothing"}})
    with pytest.raises(
        UserError, match=r"it was trained with train\.keep=nothing; train\.keep=best rerun=true"
    ):
        load_weights(model, folder.path)
    folder.result_file.unlink()
    with pytest.raises(UserError, match="the run has not begun to train"):
        load_weights(model, folder.path)
    with pytest.raises(UserError, match=r"vocabulary\.json does not exist: the run has not begun to train"):
        folder.load_vocabulary()
