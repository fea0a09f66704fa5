"""Runs of an earlier version, see `before/README.md`: found, resumed, delivered and compared by this one."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from rnnexp.analysis.command import ComparisonArguments
from rnnexp.analysis.compare import report
from rnnexp.cli.sync import sync
from rnnexp.records.folder import RunFolder
from tests.conftest import REPOSITORY, command
from tests.tracking.test_tracking import runs_of

BEFORE = Path(__file__).parent / "before"
FINISHED, STOPPED = "gru_seed0_6760231d", "lstm_seed0_e5972cbd"
OVERRIDES = [
    "study=before",
    "dataset.train_tokens=20000",
    "dataset.valid_tokens=400",
    "dataset.test_tokens=400",
    "model.embed_size=8",
    "model.hidden_size=8",
    "model.dropout=0.2",
    "train.batch_size=4",
    "train.bptt=8",
    "train.max_epochs=3",
    "optimizer.lr=1",
    "engine=numpy",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory, empty_store):
    """A folder as that in which the runs were made, with the paths that they then have."""
    place = tmp_path_factory.mktemp("before")
    for name in FINISHED, STOPPED:
        shutil.copytree(BEFORE / name, place / "runs" / "before" / name)
        for file in "config.yaml", "delivered.json":
            path = place / "runs" / "before" / name / file
            path.write_text(path.read_text().replace("/before/runs", f"{place}/runs"))
    shutil.copy(empty_store, place / "runs/mlflow.db")
    return place


def again(place, cell):
    result = subprocess.run(
        command(*OVERRIDES, f"cell={cell}"), cwd=place, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert "does not take the records" not in result.stdout
    assert sorted(path.name for path in (place / "runs" / "before").iterdir()) == [FINISHED, STOPPED]
    return result.stdout


def test_the_data_are_small_and_name_no_machine():
    files = [path for path in BEFORE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 200_000
    for path in files:
        if path.name in ("config.yaml", "delivered.json"):
            assert "sqlite:////before/runs/mlflow.db" in path.read_text()
        for private in Path.home(), REPOSITORY.parent, "/home/", "/tmp/":
            assert f"{private}".encode() not in path.read_bytes(), path


def test_the_finished_one_is_found_by_the_same_command(place):
    folder = place / "runs" / "before" / FINISHED
    kept = {
        path: path.read_bytes() for path in folder.iterdir() if path.suffix in (".npz", ".jsonl", ".yaml")
    }
    result = (folder / "result.json").read_bytes()
    assert f"runs/before/{FINISHED} has finished: test perplexity 5.211" in again(place, "gru")
    assert (folder / "result.json").read_bytes() == result
    assert {path: path.read_bytes() for path in kept} == kept


def test_the_stopped_one_goes_on_and_ends_as_if_nothing_had_been(place):
    folder = RunFolder(place / "runs" / "before" / STOPPED)
    (first,), commit = folder.records(), folder.tags()["rnnexp.git_commit"]
    again(place, "lstm")
    expected = json.loads((BEFORE / "uninterrupted.json").read_text())
    assert folder.records()[0] == first
    assert [record["updates"] for record in folder.records()] == [625, 1250, 1875]  # once called step
    for record in expected["records"]:
        record["updates"] = record.pop("step")
    found = [{key: record[key] for key in expected["records"][0]} for record in folder.records()]
    for record, other in zip(found, expected["records"], strict=True):
        assert record == pytest.approx(other, rel=1e-4)
    assert folder.result()["test/loss"] == pytest.approx(expected["test/loss"], rel=1e-4)
    assert folder.tags()["rnnexp.git_commit"] == commit
    assert folder.state()["number"] == 2


def test_both_are_delivered_into_a_fresh_store_and_compared(place, tmp_path, made_store):
    """Whether the stopped one has gone on by now or not."""
    uri = made_store(tmp_path / "store.db")
    assert sync([place / "runs"], uri) == {"delivered": 2}
    assert sync([place / "runs"], uri) == {"there already": 2}
    c, runs = runs_of(uri, "before")
    by_folder = {run.data.tags["rnnexp.folder"].rpartition("/")[2]: run for run in runs}
    assert by_folder.keys() == {FINISHED, STOPPED}
    finished = by_folder[FINISHED]
    assert finished.info.run_name == FINISHED  # for want of a label
    assert finished.info.status == "FINISHED"
    assert [p.step for p in c.get_metric_history(finished.info.run_id, "valid/loss")] == [1, 2, 3]
    assert finished.data.metrics["updates"] == 1875
    assert finished.data.metrics["test/ppl"] == pytest.approx(5.211, abs=1e-3)
    assert "gru" in report(ComparisonArguments("before", uri), tmp_path / "report")
