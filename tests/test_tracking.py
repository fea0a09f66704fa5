"""Records in a real MLflow: complete, once each, and never in the way of training."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.conftest import SMALL, command

PER_EPOCH = {
    *("train/loss", "train/ppl", "valid/loss", "valid/ppl", "lr", "grad_norm"),
    *("tokens_per_s", "epoch_s"),
}
AT_THE_END = {
    *("test/loss", "test/ppl", "best/valid_ppl", "best/epoch", "oracle/ppl"),
    *("num_params", "num_params/embedding", "num_params/recurrent", "num_params/output"),
}
TAGS = {"rnnexp.config_hash", "rnnexp.group_hash", "rnnexp.device", "rnnexp.dtype", "rnnexp.folder"}


def client(uri):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow.tracking import MlflowClient

    return MlflowClient(uri)


def runs_of(uri, study):
    c = client(uri)
    experiment = c.get_experiment_by_name(study)
    return c, c.search_runs([experiment.experiment_id])


def test_parallel_starts_on_a_fresh_store_lose_nothing(tmp_path):
    """Six processes at once, none of which finds a store."""
    jobs = [
        subprocess.Popen(
            command(*SMALL, f"seed={seed}", "study=fresh"),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(6)
    ]
    for job in jobs:
        out, err = job.communicate(timeout=120)
        assert job.returncode == 0, err
        assert "does not take the records" not in out
    c, runs = runs_of(f"sqlite:///{tmp_path}/runs/mlflow.db", "fresh")
    assert sorted(run.data.params["seed"] for run in runs) == list("012345")
    for run in runs:
        assert run.info.status == "FINISHED"
        for metric in PER_EPOCH:
            history = c.get_metric_history(run.info.run_id, metric)
            assert [point.step for point in history] == [1, 2], metric
        assert run.data.metrics.keys() >= AT_THE_END
        assert run.data.tags.keys() >= TAGS
        assert run.data.params["model.hidden_size"] == "8"
        assert run.data.params["train.patience"] == "5"
        artifacts = {file.path for file in c.list_artifacts(run.info.run_id)}
        assert artifacts == {"config.yaml", "curves.png", "samples.txt", "best.npz"}
    assert len({run.data.tags["rnnexp.group_hash"] for run in runs}) == 1
    assert len({run.data.tags["rnnexp.config_hash"] for run in runs}) == 6


def test_a_killed_run_goes_on_as_the_same_record_with_every_epoch_once(tmp_path, rnnexp):
    process = subprocess.Popen(
        command(*SMALL, "train.max_epochs=12", "train.patience=null", "hydra.run.dir=run"),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    records = tmp_path / "run" / "records.jsonl"
    deadline = time.monotonic() + 60
    while not (records.exists() and len(records.read_text().splitlines()) >= 3):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    uri = f"sqlite:///{tmp_path}/runs/mlflow.db"
    _, (before,) = runs_of(uri, "default")
    assert rnnexp("resume=run").returncode == 0
    c, (run,) = runs_of(uri, "default")
    assert run.info.run_id == before.info.run_id
    assert run.info.status == "FINISHED"
    history = c.get_metric_history(run.info.run_id, "valid/loss")
    assert [point.step for point in history] == list(range(1, 13))


@pytest.mark.parametrize(
    ("overrides", "status", "error"),
    [
        (["optimizer.lr=1e38", "optimizer.clip_norm=null"], "FAILED", "at step"),
        (["train.batch_size=1000"], "FAILED", "train split has 3000 tokens"),
    ],
)
def test_a_failed_run_says_why(rnnexp, tmp_path, overrides, status, error):
    assert rnnexp(*SMALL, *overrides).returncode == 1
    _, (run,) = runs_of(f"sqlite:///{tmp_path}/runs/mlflow.db", "default")
    assert run.info.status == status
    assert error in run.data.tags["rnnexp.error"]


def test_an_interrupted_run_is_killed_not_failed(tmp_path):
    process = subprocess.Popen(
        command(*SMALL, "train.max_epochs=500", "train.patience=null", "hydra.run.dir=run"),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (tmp_path / "run" / "records.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.terminate()
    assert process.wait(timeout=30) == 128 + 15
    _, (run,) = runs_of(f"sqlite:///{tmp_path}/runs/mlflow.db", "default")
    assert run.info.status == "KILLED"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def server(tmp_path):
    """A real MLflow server on this machine."""
    port = free_port()
    log = (tmp_path / "server.log").open("w")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
            *("--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path}/server.db"),
            *("--artifacts-destination", str(tmp_path / "store")),
        ],
        cwd=tmp_path,
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline, (tmp_path / "server.log").read_text()
            time.sleep(0.2)
    yield url
    os.killpg(process.pid, 15)
    process.wait(timeout=30)
    log.close()


def test_a_server_takes_the_records(server, rnnexp):
    result = rnnexp(*SMALL, f"tracking.uri={server}")
    assert result.returncode == 0, result.stderr
    assert "does not take the records" not in result.stdout
    c, (run,) = runs_of(server, "default")
    assert [point.step for point in c.get_metric_history(run.info.run_id, "valid/loss")] == [1, 2]
    assert "best.npz" in {file.path for file in c.list_artifacts(run.info.run_id)}


def test_a_server_that_does_not_answer_costs_a_warning(rnnexp, tmp_path):
    result = rnnexp(*SMALL, f"tracking.uri=http://127.0.0.1:{free_port()}", "hydra.run.dir=run")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("does not take the records") == 1
    assert "the run goes on" in result.stdout
    assert len((tmp_path / "run" / "records.jsonl").read_text().splitlines()) == 2
    assert (tmp_path / "run" / "result.json").exists()


def test_a_server_that_takes_the_call_and_never_answers_costs_a_warning(rnnexp, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"tracking.uri=http://127.0.0.1:{silent.getsockname()[1]}"
        result = rnnexp(*SMALL, uri, "hydra.run.dir=run", MLFLOW_HTTP_REQUEST_TIMEOUT="1")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("does not take the records") == 1
    assert (tmp_path / "run" / "result.json").exists()


def test_a_store_that_cannot_be_written_costs_a_warning(rnnexp, tmp_path):
    (tmp_path / "store.db").write_text("no database at all, " * 100)
    result = rnnexp(*SMALL, "tracking.uri=sqlite:///store.db", "hydra.run.dir=run")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("does not take the records") == 1
    assert "Traceback" not in result.stdout + result.stderr
    assert (tmp_path / "run" / "result.json").exists()


def test_records_missed_while_the_store_was_away_are_sent_at_the_end(tmp_path):
    """The store comes back while the run goes on."""
    from rnnexp.tracking.mlflow import MlflowTracker

    def record(epoch):
        return {"epoch": epoch, "step": epoch, "time": 1000 + epoch, "valid/loss": 1 / epoch, "epoch_s": 1.0}

    blocked = tmp_path / "store.db"
    blocked.mkdir()  # a folder where the file should be
    tracker = MlflowTracker(f"sqlite:///{blocked}", "s", tmp_path)
    tracker.start({"seed": 0}, {"t": "1"}, [])
    tracker.epoch(record(1))
    tracker.epoch(record(2))
    blocked.rmdir()
    tracker.finish("FINISHED", {"test/ppl": 5.0}, {}, [])
    c, (run,) = runs_of(f"sqlite:///{blocked}", "s")
    assert run.info.status == "FINISHED"
    assert run.data.metrics["test/ppl"] == 5.0
    history = c.get_metric_history(run.info.run_id, "valid/loss")
    assert [(p.step, p.timestamp, p.value) for p in history] == [(1, 1001, 1.0), (2, 1002, 0.5)]


def test_a_finished_run_that_its_store_does_not_know_of_is_sent_by_resume(rnnexp, tmp_path):
    """Killed between its result and its last word to the store; and sent twice, it is there once."""
    assert rnnexp(*SMALL, "hydra.run.dir=run").returncode == 0
    uri = f"sqlite:///{tmp_path}/runs/mlflow.db"
    c, (before,) = runs_of(uri, "default")
    c.update_run(before.info.run_id, "RUNNING")
    for _ in range(2):
        result = rnnexp("resume=run")
        assert result.returncode == 0, result.stderr
        assert "has finished" in result.stdout
    c, (after,) = runs_of(uri, "default")
    assert after.info.status == "FINISHED"
    assert after.data.metrics == before.data.metrics
    assert after.data.params == before.data.params
    for metric in AT_THE_END:
        assert len(c.get_metric_history(after.info.run_id, metric)) == 1, metric
    for metric in PER_EPOCH:
        assert len(c.get_metric_history(after.info.run_id, metric)) == 2, metric


def test_a_job_of_a_sweep_that_is_refused_leaves_a_record(rnnexp, tmp_path):
    assert rnnexp("-m", *SMALL, "train.batch_size=4,0").returncode == 1
    _, runs = runs_of(f"sqlite:///{tmp_path}/runs/mlflow.db", "default")
    assert sorted(run.info.status for run in runs) == ["FAILED", "FINISHED"]
    assert "train.batch_size=0 must be at least 1" in [run.data.tags.get("rnnexp.error") for run in runs]


def test_a_run_that_succeeds_in_the_end_has_no_error(tmp_path):
    from rnnexp.tracking.mlflow import MlflowTracker

    uri = f"sqlite:///{tmp_path}/store.db"
    first = MlflowTracker(uri, "s", tmp_path)
    first.start({}, {}, [])
    first.finish("FAILED", {}, {"rnnexp.error": "no space"}, [])
    second = MlflowTracker(uri, "s", tmp_path)
    second.start({}, {}, [])
    c, (run,) = runs_of(uri, "s")
    assert run.info.status == "RUNNING"
    second.finish("FINISHED", {"test/ppl": 2.0, "time": 5}, {}, [])
    c, (run,) = runs_of(uri, "s")
    assert (run.info.status, run.data.tags["rnnexp.error"]) == ("FINISHED", "")
    (point,) = c.get_metric_history(run.info.run_id, "test/ppl")
    assert (point.timestamp, point.value) == (5, 2.0)


@pytest.mark.parametrize("again", ["resume", "new"])
def test_a_run_that_failed_before_it_began_is_recorded_once_it_runs(rnnexp, tmp_path, again):
    """Its file was missing: with the file it goes on; under another name it is another run."""
    text = [s for s in SMALL if not s.startswith("dataset.")] + ["dataset=text", "hydra.run.dir=run"]
    assert rnnexp(*text, "dataset.path=mine.txt").returncode == 1
    (tmp_path / ("mine.txt" if again == "resume" else "other.txt")).write_text("to be or not\n" * 400)
    result = rnnexp("resume=run") if again == "resume" else rnnexp(*text, "dataset.path=other.txt")
    assert result.returncode == 0, result.stderr
    assert "does not take the records" not in result.stdout
    c, runs = runs_of(f"sqlite:///{tmp_path}/runs/mlflow.db", "default")
    assert [run.info.status for run in runs] == (
        ["FINISHED"] if again == "resume" else ["FINISHED", "FAILED"]
    )
    assert len(c.get_metric_history(runs[0].info.run_id, "valid/loss")) == 2
    assert runs[0].data.tags["rnnexp.threads"] == "1"
