"""What people see of a run in MLflow: bars, true sizes, its data set, source and version, the machine."""

import json
import threading
import time

import pytest

from rnnexp.records import step_records, system
from rnnexp.records.folder import RunFolder
from rnnexp.tracking import mlflow
from rnnexp.tracking.mlflow.contents import data_set, parameters
from tests.conftest import SMALL
from tests.experiment.test_configs import composed
from tests.tracking.test_tracking import record, runs_of

RESULT = {"test/ppl": 9.0, "best/valid_ppl": 2.0, "best/epoch": 2, "time": 5000}


@pytest.fixture
def folder(tmp_path):
    """A run folder with a label, in the hands of this process."""
    folder = RunFolder(tmp_path / "run")
    with folder.claimed():
        folder.give_label({"name": "gru seed=0"})
        folder.save_config(composed(*SMALL, "study=s", "model.match_params=5000", "model.tie_weights=true"))
        yield folder


def deliver(folder, uri):
    mlflow.make(uri).deliver(folder)
    c, (run,) = runs_of(uri, "s")
    return c, run


def test_what_is_known_later_is_added_when_it_is_known(folder, uri):
    """The size that was solved for, not the one that was not used, and the data."""
    folder.save_tags({"rnnexp.git_commit": "c" * 40})
    _, run = deliver(folder, uri)
    assert not {"model.hidden_size", "model.embed_size"} & run.data.params.keys()
    assert not run.inputs.dataset_inputs
    assert run.data.tags["mlflow.source.name"] == "rnnexp"
    assert run.data.tags["mlflow.source.git.commit"] == "c" * 40
    folder.save_tags(folder.tags() | {"rnnexp.hidden_size": "21", "rnnexp.data_digest": "d" * 64})
    folder.append(record(1))
    for _ in range(2):
        _, run = deliver(folder, uri)
        folder.append(record(1 + len(folder.records())))
    assert run.data.params["model.hidden_size"] == run.data.params["model.embed_size"] == "21"
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("grammar", "d" * 16)


def test_the_size_is_that_of_the_config_where_none_is_solved_for(folder):
    folder.save_config(composed(*SMALL, "model.hidden_size=9"))
    assert parameters(folder)["model.hidden_size"] == "9"
    assert parameters(folder)["model.embed_size"] == "8"


def test_final_metrics_are_no_points_of_a_curve(folder, uri):
    """Of a metric whose only step is 0 MLflow draws a bar for each run."""
    for epoch in 1, 2:
        folder.append(record(epoch))
    folder.finish(RESULT)
    folder.end("FINISHED")
    c, run = deliver(folder, uri)
    assert [(p.step, p.value) for p in c.get_metric_history(run.info.run_id, "test/ppl")] == [(0, 9.0)]
    assert [p.step for p in c.get_metric_history(run.info.run_id, "valid/loss")] == [1, 2]


def test_a_name_that_somebody_gave_in_the_browser_stays(folder, uri):
    c, run = deliver(folder, uri)
    assert run.info.run_name == "gru seed=0"
    c.update_run(run.info.run_id, name="the one for the paper")
    folder.finish(RESULT)
    folder.end("FINISHED")
    assert deliver(folder, uri)[1].info.run_name == "the one for the paper"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            {"name": "grammar"},
            ("grammar", "code", {"tags": {"mlflow.source.name": "rnnexp dataset=grammar"}}),
        ),
        ({"name": "text", "path": "/t/a.txt"}, ("a.txt", "local", {"uri": "/t/a.txt"})),
        ({"name": "ptb", "dir": "/t/ptb", "url": "https://x"}, ("ptb", "local", {"uri": "/t/ptb"})),
        ({"name": "ptb", "dir": None, "url": "https://x"}, ("ptb", "http", {"url": "https://x"})),
    ],
    ids=["made", "a file", "a folder", "a download"],
)
def test_a_data_set_has_name_digest_and_source(folder, section, expected):
    folder.save_config({"dataset": section})
    folder.save_tags({"rnnexp.data_digest": "0123456789" * 6})
    found = data_set(folder)
    assert (found.name, found.source_type, json.loads(found.source)) == expected
    assert found.digest == "0123456789012345"


def test_what_is_measured_within_epochs_has_names_and_steps_of_its_own(folder, uri):
    """Each step once, also where the run went on from a checkpoint before it; lines of old runs have no time."""

    def add(*steps):
        for step in steps:
            line = {"step": step, "tokens": 10 * step, "lr": 1.0, "train/ppl": 50 - step, "time": 2000 + step}
            step_records.append(folder, line)

    step_records.append(folder, {"step": 2, "tokens": 20, "lr": 1.0, "train/ppl": 48})
    deliver(folder, uri)
    add(4, 6)
    folder.append(record(1))
    deliver(folder, uri)
    step_records.drop_after(folder, 3)
    deliver(folder, uri)
    add(4, 6)
    deliver(folder, uri)
    add(8)
    c, run = deliver(folder, uri)
    history = c.get_metric_history(run.info.run_id, "steps/train/ppl")
    started = folder.state()["started"]
    expected = [(2, started, 48), (4, 2004, 46), (6, 2006, 44), (8, 2008, 42)]
    assert sorted((p.step, p.timestamp, p.value) for p in history) == expected
    assert run.data.metrics.keys() >= {"steps/tokens", "steps/lr", "valid/loss"}
    assert not {"steps/time", "steps/step"} & run.data.metrics.keys()
    assert folder.to_deliver(uri) is None


def test_the_machine_is_recorded_in_the_folder_and_then_in_the_store(folder, uri, monkeypatch):
    measure, threads = system.measure, set()

    def measured(own):
        threads.add(threading.get_ident())
        return measure(own)

    monkeypatch.setattr(system, "measure", measured)
    with system.recorded(folder, every_s=0.05):
        while len(folder.system_metrics()) < 2:
            time.sleep(0.01)
        deliver(folder, uri)
    assert len(threads) == 1  # psutil counts the time since the call before in the same thread
    c, run = deliver(folder, uri)
    for metric in (
        "cpu_utilization_percentage",
        "system_memory_usage_megabytes",
        "process_memory_usage_megabytes",
    ):
        history = c.get_metric_history(run.info.run_id, f"system/{metric}")
        assert [p.step for p in history] == list(range(len(folder.system_metrics())))
        assert all(p.value >= 0 for p in history)


def test_the_machine_is_recorded_only_where_it_is_asked_for():
    assert not mlflow.make("sqlite:///x.db").system_metrics
    assert mlflow.make("sqlite:///x.db", system_metrics=True).system_metrics
    assert composed("tracking=mlflow")["tracking"]["system_metrics"] is False
