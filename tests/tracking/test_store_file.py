"""An SQLite store is whole or not there, is asked for what it has, and is found where it lies."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from rnnexp import tracking
from rnnexp.cli.sync import sync
from rnnexp.errors import UserError
from rnnexp.records.folder import RunFolder
from rnnexp.records.sqlite import file_of, for_sqlalchemy, uri_of
from rnnexp.tracking.base import DELETED, DELIVERED, THERE
from rnnexp.tracking.mlflow import library, make, store_file
from tests.conftest import SMALL
from tests.experiment.test_configs import composed
from tests.tracking.test_tracking import record, runs_of


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store without runs."""
    file = tmp_path_factory.mktemp("whole") / "store.db"
    with library.alone_with(uri_of(file)):
        pass
    return file


def run_in(place, epochs=2):
    """A finished run in the folder of its study, delivered nowhere, and the address of its store."""
    folder, uri = RunFolder(place / "runs" / "s" / "run"), uri_of(place / "runs" / "mlflow.db")
    with folder.claimed():
        folder.save_config(composed(*SMALL, "study=s") | {"tracking": {"name": "mlflow", "uri": uri}})
        for epoch in range(1, epochs + 1):
            folder.append(record(epoch))
        folder.best_file.write_bytes(b"weights")
        folder.finish({"best/valid_ppl": 2.0, "best/epoch": 1, "time": 2000})
        folder.end("FINISHED")
    return folder, uri


@pytest.fixture
def stored(tmp_path, whole):
    (tmp_path / "runs").mkdir()
    shutil.copy(whole, tmp_path / "runs" / "mlflow.db")
    return run_in(tmp_path)


def steps(uri):
    client, runs = runs_of(for_sqlalchemy(file_of(uri)), "s")
    return [[p.step for p in client.get_metric_history(run.info.run_id, "valid/loss")] for run in runs]


def test_a_process_that_dies_while_it_makes_a_store_leaves_none(tmp_path, whole):
    file = tmp_path / "store.db"

    class Killed(BaseException):
        pass

    def fill(made):
        made.write_bytes(whole.read_bytes()[:5000])
        raise Killed

    left = tmp_path / ".store.db.making-before"  # by a process that could not clean up
    left.mkdir()
    with pytest.raises(Killed), store_file.alone_with(file, fill):
        pass
    assert not file.exists()
    with store_file.alone_with(file, lambda made: shutil.copy(whole, made)):
        pass
    assert not list(tmp_path.glob(".store.db.making-*"))
    assert not store_file.is_half_made(file)


def half_made(file, whole, runs):
    shutil.copy(whole, file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE _alembic_tmp_params (key TEXT)")
        if runs:
            database.execute("INSERT INTO runs (run_uuid, experiment_id) VALUES ('a', 0)")
        database.commit()


def test_a_half_made_store_without_runs_is_made_anew_and_that_is_said(tmp_path, whole, caplog):
    half_made(tmp_path / "store.db", whole, runs=False)
    with store_file.alone_with(tmp_path / "store.db", lambda made: shutil.copy(whole, made)):
        assert not store_file.is_half_made(tmp_path / "store.db")
    assert (tmp_path / "store.db.half-made").exists()
    assert "half-made" in caplog.text


def test_a_half_made_store_with_runs_is_left_and_that_is_said(tmp_path, whole):
    half_made(tmp_path / "store.db", whole, runs=True)
    before = (tmp_path / "store.db").read_bytes()
    with (
        pytest.raises(UserError, match="cut off, with 1 run in it"),
        store_file.alone_with(tmp_path / "store.db", lambda made: None),
    ):
        pass
    assert (tmp_path / "store.db").read_bytes() == before


def test_a_store_that_is_gone_gets_everything_again(stored, tmp_path, whole):
    folder, uri = stored
    assert make(uri).deliver(folder) == DELIVERED
    assert sync([tmp_path / "runs"], None) == {THERE: 1}
    for file in (tmp_path / "runs").glob("mlflow.db*"):
        file.unlink()
    assert make(uri).may_lack(folder)
    assert sync([tmp_path / "runs"], None) == {DELIVERED: 1}
    assert steps(uri) == [[1, 2]]


def test_a_store_that_was_replaced_by_an_older_copy_gets_what_it_lacks(stored, tmp_path):
    """In the same process, whose connection was to the file that is gone."""
    folder, uri = stored
    state = folder.state()
    with folder.locked():
        folder.write_state(state | {"status": "RUNNING", "ended": None})
        folder.records_file.write_text(folder.records_file.read_text().splitlines(keepends=True)[0])
        folder.write_state(state | {"status": "RUNNING", "ended": None, "epochs": 1})
    make(uri).deliver(folder)
    with closing(sqlite3.connect(tmp_path / "runs" / "mlflow.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(tmp_path / "runs" / "mlflow.db", tmp_path / "older.db")
    with folder.locked():
        folder.number = folder.state()["number"]
        folder.append(record(2))
        folder.write_state(state)
    assert make(uri).deliver(folder) == DELIVERED
    for file in (tmp_path / "runs").glob("mlflow.db*"):
        file.unlink()
    shutil.copy(tmp_path / "older.db", tmp_path / "runs" / "mlflow.db")
    assert make(uri).deliver(folder) == DELIVERED
    assert steps(uri) == [[1, 2]]
    assert make(uri).deliver(folder) == THERE


def test_a_run_that_was_deleted_by_hand_is_left_and_named(stored, tmp_path, capsys):
    folder, uri = stored
    make(uri).deliver(folder)
    client, (run,) = runs_of(uri, "s")
    client.delete_run(run.info.run_id)
    assert sync([tmp_path / "runs"], None) == {DELETED: 1}
    assert f"runs/s/run: {DELETED}" in capsys.readouterr().out
    assert steps(uri) == []


def test_the_same_store_under_another_spelling_has_a_run_once(stored, tmp_path):
    folder, uri = stored
    make(uri).deliver(folder)
    assert make(f"sqlite:///{tmp_path}/runs/../runs/./mlflow.db").deliver(folder) == THERE
    folder.deliveries.file.unlink()
    assert make(uri).deliver(folder) == THERE
    assert steps(uri) == [[1, 2]]


def test_weights_in_a_store_beside_take_no_room(stored, tmp_path):
    folder, uri = stored
    make(uri).deliver(folder)
    (kept,) = (tmp_path / "runs" / "artifacts").rglob("best.npz")
    assert kept.stat().st_ino == folder.best_file.stat().st_ino
    folder.best_file.unlink()
    assert kept.read_bytes() == b"weights"


def test_what_was_moved_together_is_found_together(stored, tmp_path, caplog):
    folder, uri = stored
    make(uri).deliver(folder)
    _, (run,) = runs_of(uri, "s")
    (tmp_path / "there").mkdir()
    shutil.move(tmp_path / "runs", tmp_path / "there" / "runs")
    moved = RunFolder(tmp_path / "there" / "runs" / "s" / "run")
    store = uri_of(tmp_path / "there" / "runs" / "mlflow.db")
    assert moved.load_config()["tracking"]["uri"] == store
    assert tracking.folder_of(run.info.run_id, store) == moved.path
    with moved.claimed():
        moved.end("FINISHED")  # later than before
    assert sync([tmp_path / "there"], None) == {DELIVERED: 1}
    assert not (tmp_path / "runs").exists()
    _, (after,) = runs_of(store, "s")
    assert after.info.run_id == run.info.run_id
    assert after.info.artifact_uri.startswith((tmp_path / "there").as_uri())
    assert "the store was moved" in caplog.text


@pytest.mark.parametrize("name", ["p3 what?x=1", "a%25b", "a#b", "plain", "ü"])
def test_a_folder_may_have_any_name(name, tmp_path, whole):
    place = tmp_path / name
    (place / "runs").mkdir(parents=True)
    shutil.copy(whole, place / "runs" / "mlflow.db")
    uri = uri_of(place / "runs" / "mlflow.db")
    assert file_of(uri) == place / "runs" / "mlflow.db"
    assert make(uri).absolute_uri() == uri
    folder, _ = run_in(place)
    assert make(uri).deliver(folder) == DELIVERED
    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert steps(uri) == [[1, 2]]
    assert list((place / "runs" / "artifacts").rglob("best.npz"))


def test_a_copy_that_goes_on_beside_its_original_is_another_run(stored, tmp_path):
    folder, uri = stored
    make(uri).deliver(folder)
    shutil.copytree(folder.path, tmp_path / "runs" / "s" / "copy")
    copy = RunFolder(tmp_path / "runs" / "s" / "copy")
    with copy.claimed():
        copy.append(record(3))
    make(uri).deliver(copy)
    assert sorted(steps(uri)) == [[1, 2], [1, 2, 3]]
