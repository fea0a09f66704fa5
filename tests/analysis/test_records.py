"""What is read is what the store holds; where it holds nothing, a line says so."""

import re
import shutil
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from rnnexp.analysis import records
from rnnexp.analysis.fates import folders_of, left_deleted
from rnnexp.analysis.records import NoRecords, load_deleted, load_history, load_runs
from rnnexp.errors import UserError


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The address of a store with a study `s` of two runs, and an empty study."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    client = mlflow.MlflowClient(uri)
    client.create_experiment("empty")
    study = client.create_experiment("s")
    for number, name in enumerate(["second", "first"]):
        run = client.create_run(study, start_time=1000 * (2 - number))
        client.log_param(run.info.run_id, "cell.name", name)
        for epoch, ppl in enumerate([20.0, 10.0 + number], 1):
            client.log_metric(run.info.run_id, "valid/ppl", ppl, step=epoch)
            updates = "step" if number else "updates"  # as it was called once
            client.log_metric(run.info.run_id, updates, 5 * epoch, step=epoch)
        client.log_metric(run.info.run_id, "test/ppl", 9.0 + number)
        client.log_metric(run.info.run_id, "odd", np.inf if number else np.nan)
        client.set_tag(run.info.run_id, "rnnexp.folder", f"runs/{name}")
    client.set_terminated(run.info.run_id)
    client.log_metric(run.info.run_id, "valid/ppl", 11.5, timestamp=2**42, step=2)
    gone = client.create_run(study, run_name="gone", tags={"rnnexp.folder": "runs/gone"})
    client.delete_run(gone.info.run_id)
    client.create_run(study, tags={"rnnexp.kind": "sweep"})
    return uri


def test_runs_come_in_the_order_of_their_start(store):
    runs = load_runs("s", store)
    assert runs["params.cell.name"].tolist() == ["first", "second"]
    assert runs["metrics.test/ppl"].tolist() == [10.0, 9.0]


@pytest.mark.parametrize("reader", ["sql", "mlflow"])
def test_runs_that_were_deleted_by_hand_are_named(store, monkeypatch, reader):
    if reader == "mlflow":
        monkeypatch.setattr(records.sqlite, "KNOWN", {"experiments": {"a_column_of_the_future"}})
    deleted = load_deleted(["s"], store)
    assert left_deleted(deleted) == ["deleted in MLflow by hand, and in no number: gone (1)"]
    assert folders_of(deleted) == {Path("runs/gone").absolute()}
    assert left_deleted(load_deleted(["empty"], store)) == []
    assert folders_of(load_deleted(["empty"], store)) == set()


def test_the_history_has_a_row_an_epoch(store):
    runs = load_runs("s", store)
    history = load_history(runs, ["valid/ppl"], store).set_index(["run_id", "epoch"])["valid/ppl"]
    first, second = runs["run_id"]
    assert history[first].to_dict() == {1: 20.0, 2: 11.5}, "what was recorded last counts"
    assert history[second].to_dict() == {1: 20.0, 2: 10.0}


def test_updates_are_found_under_the_name_of_before(store):
    history = load_history(load_runs("s", store), ["valid/ppl", "updates"], store)
    assert history["updates"].tolist() == [5, 10, 5, 10]


def test_a_metric_that_nobody_recorded_has_no_history(store):
    history = load_history(load_runs("s", store), ["epoch_s"], store)
    assert history.empty
    assert list(history) == ["run_id", "epoch", "epoch_s"]


def test_a_study_without_records_is_named_beside_those_that_have_some(store):
    with pytest.raises(NoRecords, match="study=t has no records; there are: empty, s"):
        load_runs("t", store)
    with pytest.raises(NoRecords, match="study=empty has no runs"):
        load_runs("empty", store)


@pytest.mark.parametrize("study", ["t", "empty"])
def test_folders_of_a_study_that_the_store_has_not_got_are_named(store, study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "a", "b":
        (tmp_path / "runs" / study / name).mkdir(parents=True)
        (tmp_path / "runs" / study / name / "config.yaml").touch()
    said = f": runs/{study} holds 2 run folders, which rnnexp sync runs/{study} uri={store} brings there"
    with pytest.raises(NoRecords, match=re.escape(said)):
        load_runs(study, store)


def test_a_store_that_is_none_is_named(tmp_path):
    (tmp_path / "text.db").write_text("no database")
    with pytest.raises(UserError, match=r"uri=sqlite:.*/text.db cannot be read: "):
        load_runs("s", f"sqlite:///{tmp_path}/text.db")


def test_a_relative_address_is_that_of_the_current_folder(store, tmp_path, monkeypatch):
    """Also where the process has read one of the same name elsewhere."""
    there = Path(store.removeprefix("sqlite:///")).parent
    monkeypatch.chdir(there)
    assert len(load_runs("s", "sqlite:///mlflow.db")) == 2
    mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").create_experiment("other")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoRecords, match="there are: other"):
        load_runs("s", "sqlite:///mlflow.db")


def test_sql_reads_what_mlflow_does(store, monkeypatch):
    """Compare with the MLflow that is installed: the columns, the values, infinite and missing ones."""
    by_sql = load_runs("s", store)
    history = load_history(by_sql, ["valid/ppl", "odd"], store)

    def refuse(*_):
        raise records.sqlite.UnknownSchema("its table runs has no column x")

    monkeypatch.setattr(records.sqlite, "opened", refuse)
    by_mlflow = load_runs("s", store)
    alike = {"check_like": True, "check_dtype": False}
    pd.testing.assert_frame_equal(
        by_sql.astype(object).where(by_sql.notna(), None),
        by_mlflow.astype(object).where(by_mlflow.notna(), None)[list(by_sql)],
        **alike,
    )
    assert set(by_mlflow) == set(by_sql)
    pd.testing.assert_frame_equal(history, load_history(by_mlflow, ["valid/ppl", "odd"], store), **alike)


def test_what_is_not_as_known_is_left_to_mlflow_and_that_is_said(store, tmp_path, caplog):
    copy = tmp_path / "copy.db"
    shutil.copy(store.removeprefix("sqlite:///"), copy)
    with closing(sqlite3.connect(copy)) as database:
        database.execute("ALTER TABLE latest_metrics RENAME COLUMN is_nan TO not_a_number")
        database.commit()
    with pytest.raises(UserError, match="cannot be read"):
        load_runs("s", f"sqlite:///{copy}")
    assert "its table latest_metrics has no column is_nan" in caplog.text


def test_a_file_without_tables_is_left_as_it_is(tmp_path):
    file = tmp_path / "empty.db"
    file.touch()
    with pytest.raises(UserError, match="is no store of MLflow"):
        load_runs("s", f"sqlite:///{file}")
    assert file.stat().st_size == 0


@pytest.mark.skipif(bool(find_spec("psycopg")), reason="PostgreSQL's driver is installed")
def test_a_missing_driver_is_named_with_its_remedy():
    with pytest.raises(UserError, match=r"cannot be read: .*psycopg.*\[postgres\]"):
        load_runs("s", "postgresql+psycopg://nobody@127.0.0.1:1/none")


def test_a_database_that_does_not_answer_is_asked_once(monkeypatch):
    pytest.importorskip("psycopg", reason="PostgreSQL's driver is an extra")
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it is asked again"))
    with pytest.raises(UserError, match=r"cannot be read: .*refused"):
        load_runs("s", "postgresql+psycopg://nobody@127.0.0.1:1/none")


@pytest.mark.parametrize("by_mlflow", [False, True])
def test_a_study_in_the_trash_is_said_to_be_there(store, tmp_path, monkeypatch, by_mlflow):
    copy = tmp_path / "copy.db"
    shutil.copy(store.removeprefix("sqlite:///"), copy)
    uri = f"sqlite:///{copy}"
    client = mlflow.MlflowClient(uri)
    number = client.get_experiment_by_name("s").experiment_id
    client.delete_experiment(number)
    if by_mlflow:
        monkeypatch.setattr(records.sqlite, "KNOWN", {"none": {"such"}})
    with pytest.raises(UserError) as refused:
        load_runs("s", uri)
    assert not isinstance(refused.value, NoRecords), "for that would run everything again"
    assert "study=s is in the trash" in str(refused.value)
    assert f"mlflow experiments restore --experiment-id {number}" in str(refused.value)
    with pytest.raises(NoRecords, match=r"there are: empty$"):
        load_runs("t", uri)
    client.restore_experiment(number)
    assert len(load_runs("s", uri)) >= 2


def test_a_cell_keeps_the_name_that_it_has_among_the_configs():
    runs = pd.DataFrame(
        {"params.cell.name": ["lstm", "lstm", "gru"], "params.cell.forget_bias": ["0.0", "1.0", None]}
    )
    records.name_cells(runs)
    assert list(runs["params.cell.name"]) == ["lstm_dlfs2", "lstm", "gru"]
