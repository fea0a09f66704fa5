"""What is read is what the store holds; where it holds nothing, a line says so."""

from pathlib import Path

import mlflow
import pytest

from analysis.records import NoRecords, load_history, load_runs


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The address of a store with a study `s` of two runs of a sweep, and an empty study."""
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
    client.create_run(study, start_time=0, tags={"rnnexp.kind": "sweep"}, run_name="sweep over cell")
    return uri


def test_runs_come_in_the_order_of_their_start(store):
    runs = load_runs("s", store)
    assert runs["params.cell.name"].tolist() == ["first", "second"]
    assert runs["metrics.test/ppl"].tolist() == [10.0, 9.0]


def test_the_history_has_a_row_an_epoch(store):
    runs = load_runs("s", store)
    history = load_history(runs, ["valid/ppl"]).set_index(["run_id", "epoch"])["valid/ppl"]
    first, second = runs["run_id"]
    assert history[first].to_dict() == {1: 20.0, 2: 11.0}
    assert history[second].to_dict() == {1: 20.0, 2: 10.0}


def test_updates_are_found_under_the_name_of_before(store):
    history = load_history(load_runs("s", store), ["valid/ppl", "updates"])
    assert list(history) == ["run_id", "epoch", "updates", "valid/ppl"]
    assert history["updates"].tolist() == [5, 10, 5, 10]


def test_a_metric_that_nobody_recorded_has_no_history(store):
    history = load_history(load_runs("s", store), ["epoch_s"])
    assert history.empty
    assert list(history) == ["run_id", "epoch", "epoch_s"]


def test_a_study_without_records_is_named_beside_those_that_have_some(store):
    with pytest.raises(NoRecords, match="study=t has no records; there are: empty, s"):
        load_runs("t", store)
    with pytest.raises(NoRecords, match="study=empty has no runs"):
        load_runs("empty", store)


def test_a_store_that_is_none_is_named(tmp_path):
    (tmp_path / "text.db").write_text("no database")
    with pytest.raises(NoRecords, match=r"uri=sqlite:.*/text.db cannot be read: "):
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
