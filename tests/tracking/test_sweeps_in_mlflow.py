"""The runs of a sweep have one parent in a store, found again whoever delivers, and a report can go with it."""

import pytest

from rnnexp.errors import UserError
from rnnexp.records.folder import RunFolder
from rnnexp.tracking import mlflow
from rnnexp.tracking.mlflow.sweeps import attach_report
from tests.conftest import SMALL
from tests.experiment.test_configs import composed
from tests.tracking.test_tracking import all_runs_of, record

SWEEP = {"key": "0123456789abcdef", "name": "sweep over seed", "command": "rnnexp -m seed=0,1"}
RESULT = {"best/valid_ppl": 2.0, "best/epoch": 1, "time": 5000}
LABEL = {"name": "lstm seed=0", "sweep": SWEEP}


def end(folder, status):
    if status == "FINISHED":
        folder.finish(RESULT)
    folder.end(status)


@pytest.fixture(scope="module")
def config():
    return composed(*SMALL, "study=s")


@pytest.fixture
def job(tmp_path, config):
    """Makes the folder of a run that has one record and ended with a status; None: it goes on."""

    def job(name, status="FINISHED", label=LABEL, tags=None):
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        folder.give_label(label)
        folder.claim()
        folder.save_config(config)
        folder.save_tags(tags or {})
        folder.append(record(1))
        if status:
            end(folder, status)
        return folder

    return job


def deliver(uri, *folders):
    for folder in folders:
        mlflow.make(uri).deliver(folder)


def parents_and_children(uri):
    c, runs = all_runs_of(uri, "s")
    parents = [run for run in runs if run.data.tags.get("rnnexp.kind") == "sweep"]
    return c, parents, [run for run in runs if run not in parents]


def test_jobs_have_one_parent_however_often_and_by_whomever_they_are_delivered(job, uri):
    first, second = job("first"), job("second", None)
    deliver(uri, first, second)
    for folder in first, second:  # as if nobody had taken note
        noted = folder.deliveries.to(uri)
        folder.deliveries.note(uri, {key: noted[key] for key in ("key", "run_id")})
    deliver(uri, first, second)
    second.append(record(2))
    deliver(uri, second)
    _, (parent,), children = parents_and_children(uri)
    assert parent.info.run_name == "sweep over seed"
    assert "rnnexp -m seed=0,1" in parent.data.tags["mlflow.note.content"]
    assert parent.info.status == "RUNNING"
    assert not parent.data.metrics
    assert [run.data.tags["mlflow.parentRunId"] for run in children] == [parent.info.run_id] * 2
    assert {run.info.run_name for run in children} == {"lstm seed=0"}
    end(second, "FINISHED")
    deliver(uri, second)
    _, (parent,), _ = parents_and_children(uri)
    assert parent.info.status == "FINISHED"
    assert parent.info.end_time == second.state()["ended"]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["FINISHED", "FINISHED"], "FINISHED"),
        (["FAILED", "KILLED"], "FAILED"),
        (["KILLED", "FINISHED"], "KILLED"),
        (["pruned", "FINISHED"], "FINISHED"),
        ([None, "FAILED"], "RUNNING"),
    ],
    ids=str,
)
def test_a_parent_has_the_status_of_its_runs(job, uri, statuses, expected):
    for number, status in enumerate(statuses):
        pruned = status == "pruned"
        tags = {"rnnexp.pruned": "true"} if pruned else {}
        deliver(uri, job(str(number), "KILLED" if pruned else status, tags=tags))
    assert parents_and_children(uri)[1][0].info.status == expected


def test_a_finished_run_joins_the_first_sweep_that_it_is_a_job_of(job, uri):
    alone = job("alone", label={"name": "lstm dropout=0 seed=0"})
    deliver(uri, alone)
    assert alone.to_deliver(uri) is None
    (before,) = all_runs_of(uri, "s")[1]
    alone.give_label(LABEL)
    deliver(uri, alone)
    alone.give_label(LABEL | {"sweep": SWEEP | {"key": "another"}})
    assert alone.to_deliver(uri) is None
    c, (parent,), (run,) = parents_and_children(uri)
    assert run.info.run_id == before.info.run_id
    assert (run.info.status, run.info.end_time) == ("FINISHED", before.info.end_time)
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert [p.step for p in c.get_metric_history(run.info.run_id, "valid/loss")] == [1]


def test_a_run_without_a_label_is_named_by_its_folder(job, uri):
    """As one of an older version, and one that a sweep takes up later is named then."""
    folder = job("lstm_seed0_12345678", label={})
    folder.label_file.unlink(missing_ok=True)
    deliver(uri, folder)
    assert [run.info.run_name for run in parents_and_children(uri)[2]] == ["lstm_seed0_12345678"]
    folder.give_label(LABEL)
    deliver(uri, folder)
    _, (_,), (run,) = parents_and_children(uri)
    assert run.info.run_name == "lstm seed=0"


def test_a_report_goes_with_every_sweep_of_a_study(job, uri, tmp_path):
    (tmp_path / "report/figures").mkdir(parents=True)
    (tmp_path / "report/index.html").write_text("<p>which cell</p>")
    (tmp_path / "report/figures/curves.png").write_bytes(b"x")
    alone = job("alone", label={"name": "lstm seed=0"})
    deliver(uri, alone)
    with pytest.raises(UserError, match="study=s has no sweep"):
        attach_report("s", tmp_path / "report", uri)
    deliver(uri, job("one"), job("other", label=LABEL | {"sweep": SWEEP | {"key": "ef"}}))
    attached = attach_report("s", tmp_path / "report", uri)
    assert attached == attach_report("s", tmp_path / "report", uri)  # in place of the one before
    c, parents, _ = parents_and_children(uri)
    assert sorted(attached) == sorted(parent.info.run_id for parent in parents)
    for parent in attached:
        assert {file.path for file in c.list_artifacts(parent, "report")} == {
            "report/index.html",
            "report/figures",
        }
    with pytest.raises(UserError, match="is no folder with a report"):
        attach_report("s", tmp_path / "none", uri)
