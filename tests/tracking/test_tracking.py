"""Records in a real MLflow: complete, once each, and never in the way of training."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from rnnexp.records.folder import RunFolder
from rnnexp.tracking import mlflow
from rnnexp.tracking.client import WorkerClient
from rnnexp.tracking.mlflow.library import library
from rnnexp.tracking.mlflow.tracker import DELIVERED_TAG
from rnnexp.tracking.worker import Outbox
from tests.cli.test_train import mounted
from tests.conftest import SMALL, command
from tests.experiment.test_configs import composed

PER_EPOCH = {
    *("train/loss", "train/ppl", "valid/loss", "valid/ppl", "lr", "grad_norm"),
    *("tokens_per_s", "epoch_s", "epoch_cpu_s", "max_grad_norm", "clip_share"),
}
AT_THE_END = {
    *("test/loss", "test/ppl", "best/valid_ppl", "best/epoch", "oracle/ppl", "train_cpu_s"),
    *("num_params", "num_params/embedding", "num_params/recurrent", "num_params/output"),
    "operations_per_token",
}
TAGS = {
    "rnnexp.config_hash",
    "rnnexp.group_hash",
    "rnnexp.device",
    "rnnexp.dtype",
    "rnnexp.folder",
    "rnnexp.data_digest",
}


def client(uri):
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow.tracking import MlflowClient

    return MlflowClient(uri)


def runs_of(uri, study):
    """The runs of a study, without those that stand for sweeps."""
    c, runs = all_runs_of(uri, study)
    return c, [run for run in runs if "rnnexp.kind" not in run.data.tags]


def all_runs_of(uri, study):
    c = client(uri)
    experiment = c.get_experiment_by_name(study)
    return c, c.search_runs([experiment.experiment_id])


@pytest.mark.slow
def test_parallel_starts_on_a_fresh_store_lose_nothing(tmp_path):
    """Two processes at once, neither of which finds a store."""
    jobs = [
        subprocess.Popen(
            command(*SMALL, "engine=numpy", f"seed={seed}", "study=fresh"),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(2)
    ]
    for job in jobs:
        out, err = job.communicate(timeout=120)
        assert job.returncode == 0, err
        assert "does not take the records" not in out
    c, runs = runs_of(f"sqlite:///{tmp_path}/runs/mlflow.db", "fresh")
    assert sorted(run.data.params["seed"] for run in runs) == list("01")
    for run in runs:
        assert run.info.status == "FINISHED"
        for metric in PER_EPOCH:
            history = c.get_metric_history(run.info.run_id, metric)
            assert [point.step for point in history] == [1, 2], metric
        assert run.data.metrics.keys() >= AT_THE_END
        assert run.data.tags.keys() >= TAGS
        assert run.data.params["model.hidden_size"] == "8"
        assert run.data.params["train.patience"] == "5"
        assert not run.data.params.keys() & {"threads", "engine", "rerun", "sweep.workers"}
        artifacts = {file.path for file in c.list_artifacts(run.info.run_id)}
        assert artifacts == {"config.yaml", "curves.png", "samples.txt", "model"}
        model = {file.path for file in c.list_artifacts(run.info.run_id, "model")}
        assert model == {
            f"model/{name}" for name in ("MLmodel", "config.yaml", "vocabulary.json", "best.npz")
        }
    assert len({run.data.tags["rnnexp.group_hash"] for run in runs}) == 1
    assert len({run.data.tags["rnnexp.config_hash"] for run in runs}) == 2


def wait_for(condition, process):
    """Until a condition holds, while a process runs."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)


def started(tmp_path, *overrides, program=None, **environment):
    """A run in the background; `program`: Python code that starts it, else the command."""
    arguments = *SMALL, "engine=numpy", "train.patience=null", "hydra.run.dir=run", *overrides
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments] if program else command(*arguments),
        cwd=tmp_path,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        # whoever runs the tests in the background of a shell has it ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


# a run that stands still once it has two records, until it is killed
HELD = """
import time
from rnnexp.cli.main import main
from rnnexp.records.folder import RunFolder

append = RunFolder.append

def append_and_hold(folder, record):
    append(folder, record)
    while record["epoch"] == 2:
        time.sleep(1)

RunFolder.append = append_and_hold
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False], ids=["once the store knows of it", "at once"])
def test_a_killed_run_goes_on_as_the_same_record_with_every_epoch_once(
    tmp_path, tracked_in_process, store, known
):
    """Also when what sends its records is still at it, which survives the run."""
    process = started(tmp_path, "train.max_epochs=4", program=HELD)
    folder = RunFolder(tmp_path / "run")
    wait_for(lambda: folder.records() and (not known or "run_id" in folder.deliveries.to(store)), process)
    before = folder.deliveries.to(store)["run_id"] if known else None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (tmp_path / "run" / "result.json").exists()
    assert tracked_in_process("resume=run").returncode == 0
    c, (run,) = runs_of(store, "default")
    assert run.info.run_id == folder.deliveries.to(store)["run_id"]
    assert before in (None, run.info.run_id)
    assert run.info.status == "FINISHED"
    history = c.get_metric_history(run.info.run_id, "valid/loss")
    assert [point.step for point in history] == [1, 2, 3, 4]


def test_a_failed_run_says_why(tracked_in_process, store):
    assert tracked_in_process(*SMALL, "optimizer.lr=1e38", "optimizer.clip_norm=null").returncode == 1
    _, (run,) = runs_of(store, "default")
    assert run.info.status == "FAILED"
    assert "at step" in run.data.tags["rnnexp.error"]


@pytest.mark.slow
@pytest.mark.parametrize(("signum", "to_all"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_an_interrupted_run_is_killed_not_failed(tmp_path, store, signum, to_all):
    """As Ctrl-C in a terminal reaches the run and what delivers its records; or as `kill` reaches the run alone."""
    process = started(tmp_path, "train.max_epochs=500")
    wait_for((tmp_path / "run" / "records.jsonl").exists, process)
    os.killpg(process.pid, signum) if to_all else process.send_signal(signum)
    stdout, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + signum, stdout
    c, (run,) = runs_of(store, "default")
    assert run.info.status == "KILLED"
    epochs = len((tmp_path / "run" / "records.jsonl").read_text().splitlines())
    history = c.get_metric_history(run.info.run_id, "valid/loss")
    assert [point.step for point in history] == list(range(1, epochs + 1))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def mlflow_server(tmp_path, store, workers=1, port=None):
    """The address of a real MLflow server on this machine."""
    port = port or free_port()
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
                *("--workers", str(workers), "--backend-store-uri", store),
                *("--artifacts-destination", str(tmp_path / "store")),
            ],
            cwd=tmp_path,
            # the jobs that a server could do are eight processes more
            env=os.environ
            | {
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 240
        try:
            while not answers(f"{url}/health"):
                assert time.monotonic() < deadline, (tmp_path / "server.log").read_text()
                time.sleep(0.2)
            yield url
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def answers(url):
    """Whether there is a server at an address that is well."""
    try:
        urllib.request.urlopen(url, timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def server(tmp_path, made_store):
    with mlflow_server(tmp_path, made_store(tmp_path / "server.db")) as url:
        yield url


@pytest.mark.slow
def test_a_server_takes_the_records(server, tracked_in_process):
    result = tracked_in_process(*SMALL, f"tracking.uri={server}")
    assert result.returncode == 0, result.stderr
    assert "does not take the records" not in result.stdout
    c, (run,) = runs_of(server, "default")
    assert [point.step for point in c.get_metric_history(run.info.run_id, "valid/loss")] == [1, 2]
    assert "model/best.npz" in {file.path for file in c.list_artifacts(run.info.run_id, "model")}


def test_a_server_that_does_not_answer_costs_a_warning(tracked_in_process, tmp_path):
    nowhere = f"tracking.uri=http://127.0.0.1:{free_port()}"
    result = tracked_in_process(*SMALL, nowhere, "hydra.run.dir=run")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("does not take the records") == 1
    assert "the run goes on" in result.stdout
    assert len((tmp_path / "run" / "records.jsonl").read_text().splitlines()) == 2
    assert (tmp_path / "run" / "result.json").exists()


def test_a_server_that_takes_the_call_and_never_answers_costs_a_warning(
    tracked_in_process, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"tracking.uri=http://127.0.0.1:{silent.getsockname()[1]}"
        result = tracked_in_process(*SMALL, uri, "hydra.run.dir=run")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("does not take the records") == 1
    assert (tmp_path / "run" / "result.json").exists()


def test_training_does_not_wait_for_a_server_that_takes_the_call_and_never_answers(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        uri = f"tracking.uri=http://127.0.0.1:{silent.getsockname()[1]}"
        process = started(tmp_path, uri, MLFLOW_HTTP_REQUEST_TIMEOUT="600")
        connection, _ = silent.accept()
        wait_for((tmp_path / "run" / "result.json").exists, process)
        assert process.poll() is None  # now it waits
    connection.close()
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert stdout.count("does not take the records") == 1


def heeds(pid, signum):
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("there is no /proc that tells what a process waits for")
    (caught,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signum - 1) & 1)


def test_the_wait_for_a_server_can_be_cut_short(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"tracking.uri=http://127.0.0.1:{silent.getsockname()[1]}"
        process = started(tmp_path, uri, MLFLOW_HTTP_REQUEST_TIMEOUT="600")
        wait_for(lambda: RunFolder(tmp_path / "run").state().get("status") == "FINISHED", process)
        # while it computes it heeds SIGTERM itself; that it has stopped to do so shows that it waits
        wait_for(lambda: not heeds(process.pid, signal.SIGTERM), process)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    process.stdout.close()
    assert process.returncode == 128 + signal.SIGINT


def test_a_store_that_cannot_be_written_costs_a_warning(tracked_in_process, tmp_path):
    (tmp_path / "store.db").write_text("no database at all, " * 100)
    result = tracked_in_process(*SMALL, "tracking.uri=sqlite:///store.db", "hydra.run.dir=run")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("does not take the records") == 1
    assert "store.db is no SQLite file; name another" in result.stdout
    assert not (tmp_path / "store.db.lock").exists()
    assert "Traceback" not in result.stdout + result.stderr
    assert (tmp_path / "run" / "result.json").exists()


def test_a_read_only_store_costs_a_warning(tracked_in_process, tmp_path):
    with mounted(tmp_path / "store", "size=8m"):
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "store")], check=True)
        uri = "tracking.uri=sqlite:///store/mlflow.db"
        result = tracked_in_process(*SMALL, uri, "hydra.run.dir=run")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(": Read-only file system)") == 1
    assert (tmp_path / "run" / "result.json").exists()


def test_a_study_in_the_trash_costs_a_warning_that_says_how_it_comes_back(
    tracked_in_process, tmp_path, store
):
    client = library().tracking.MlflowClient(store)
    number = client.create_experiment("thrown")
    client.delete_experiment(number)
    result = tracked_in_process(*SMALL, "engine=numpy", "study=thrown", "hydra.run.dir=run")
    assert result.returncode == 0, result.stderr
    assert f"mlflow experiments restore --experiment-id {number}" in result.stdout + result.stderr
    client.restore_experiment(number)
    assert tracked_in_process("sync", "run").returncode == 0
    assert len(client.search_runs([number])) == 1


def deliver(folder, uri):
    mlflow.make(uri).deliver(folder)


def record(epoch):
    return {"epoch": epoch, "step": epoch, "time": 1000 + epoch, "valid/loss": 1 / epoch, "epoch_s": 1.0}


@pytest.fixture
def folder(tmp_path):
    """A run folder with a config and nothing else, in the hands of this process."""
    folder = RunFolder(tmp_path / "run")
    with folder.claimed():
        folder.save_config(composed(*SMALL, f"tracking.uri=sqlite:///{tmp_path}/store.db", "study=s"))
        yield folder


def test_what_is_delivered_again_is_there_once(folder, tmp_path, made_store):
    """Whoever delivers, and wherever the one before was cut off."""
    uri = made_store(tmp_path / "store.db")
    for epoch in 1, 2:
        folder.append(record(epoch))
    deliver(folder, uri)
    folder.append(record(3))
    for _ in range(2):
        deliver(folder, uri)
        # as if it had been cut off before it took note
        folder.deliveries.note(uri, {key: folder.deliveries.to(uri)[key] for key in ("key", "run_id")})
    c, (run,) = runs_of(uri, "s")
    history = c.get_metric_history(run.info.run_id, "valid/loss")
    assert [(p.step, p.timestamp, p.value) for p in history] == [
        (1, 1001, 1.0),
        (2, 1002, 0.5),
        (3, 1003, 1 / 3),
    ]
    assert (run.info.status, run.info.start_time) == ("RUNNING", folder.state()["started"])


def test_a_run_whose_making_was_not_answered_is_found_again(folder, tmp_path, made_store):
    uri = made_store(tmp_path / "store.db")
    folder.append(record(1))
    deliver(folder, uri)
    folder.deliveries.note(uri, {"key": folder.deliveries.to(uri)["key"]})
    deliver(folder, uri)
    _, (run,) = runs_of(uri, "s")
    assert folder.deliveries.to(uri)["run_id"] == run.info.run_id


def test_each_of_two_stores_has_it_once(folder, tmp_path, made_store):
    stores = [made_store(tmp_path / f"{name}.db") for name in ("one", "two")]
    for _ in range(2):
        for uri in stores:
            deliver(folder, uri)
        folder.append(record(1 + len(folder.records())))
    for uri in stores:
        assert len(runs_of(uri, "s")[1]) == 1


def test_a_store_that_was_made_anew_gets_everything_again(folder, tmp_path, made_store):
    uri = made_store(tmp_path / "store.db")
    folder.append(record(1))
    deliver(folder, uri)
    for file in tmp_path.glob("store.db*"):
        file.unlink()
    folder.append(record(2))
    deliver(folder, uri)
    c, (run,) = runs_of(uri, "s")
    assert [p.step for p in c.get_metric_history(run.info.run_id, "valid/loss")] == [1, 2]


def test_a_second_failure_of_the_same_kind_says_its_own_reason(folder, tmp_path, made_store):
    uri = made_store(tmp_path / "store.db")
    folder.end("FAILED", OSError("no space"))
    deliver(folder, uri)
    with RunFolder(folder.path).claimed():
        pass  # and it dies again
    again = RunFolder(folder.path)
    with again.claimed():
        again.end("FAILED", OSError("no memory"))
    deliver(folder, uri)
    _, (run,) = runs_of(uri, "s")
    assert run.data.tags["rnnexp.error"] == "OSError: no memory"


def test_a_run_that_succeeds_in_the_end_has_no_error(folder, tmp_path, made_store):
    uri = made_store(tmp_path / "store.db")
    folder.end("FAILED", OSError("no space"))
    deliver(folder, uri)
    c, (run,) = runs_of(uri, "s")
    assert (run.info.status, run.data.tags["rnnexp.error"]) == ("FAILED", "OSError: no space")
    assert "traceback.txt" in {file.path for file in c.list_artifacts(run.info.run_id)}
    with RunFolder(folder.path).claimed():
        deliver(folder, uri)
        c, (run,) = runs_of(uri, "s")
        assert (run.info.status, run.data.tags["rnnexp.error"]) == ("RUNNING", "")


def test_records_missed_while_the_store_was_away_are_delivered_later(folder, tmp_path):
    """The store comes back while the run goes on, or when it has ended."""
    blocked, warnings = tmp_path / "store.db", []
    blocked.mkdir()  # a folder where the file should be
    outbox = Outbox(warnings.append)
    for epoch in 1, 2:
        folder.append(record(epoch))
        outbox.attempt(str(folder.path))
    (warning,) = warnings
    assert "does not take the records" in warning
    blocked.rmdir()
    folder.append(record(3))
    outbox.rest[f"sqlite:///{blocked}"] = time.monotonic() + 60
    outbox.attempt(str(folder.path))
    assert not blocked.exists(), "a store that took long to fail is left alone for a while"
    folder.end("KILLED")
    outbox.flush()
    c, (run,) = runs_of(f"sqlite:///{blocked}", "s")
    assert (run.info.status, run.info.end_time) == ("KILLED", folder.state()["ended"])
    assert [p.step for p in c.get_metric_history(run.info.run_id, "valid/loss")] == [1, 2, 3]
    assert not outbox.open


def test_sync_brings_what_a_store_missed(tracked_in_process, tmp_path, made_store):
    """Also of a run that kept no records in MLflow, and of one that was killed without a word; once each."""
    (tmp_path / "file").write_text("no folder")
    unwritable = f"tracking.uri=sqlite:///{tmp_path}/file/store.db"
    assert tracked_in_process(*SMALL, unwritable).returncode == 0
    assert tracked_in_process(*SMALL, "seed=1", "tracking=none").returncode == 0
    dead = RunFolder(tmp_path / "runs" / "dead")
    with dead.claimed():
        dead.save_config(composed(*SMALL, "seed=2"))
        dead.append(record(1))
        dead.write_state(dead.state() | {"pid": 2**22 + 1})
    uri = made_store(tmp_path / "store.db")
    first = tracked_in_process("sync", "runs", f"uri={uri}")
    assert first.returncode == 0, first.stderr
    assert "3 runs: 3 delivered" in first.stdout
    again = tracked_in_process("sync", "runs", f"uri={uri}")
    assert "3 runs: 3 there already" in again.stdout
    c, runs = runs_of(uri, "default")
    assert {run.data.params["seed"]: run.info.status for run in runs} == {
        "0": "FINISHED",
        "1": "FINISHED",
        "2": "KILLED",
    }
    for run in runs:
        steps = [p.step for p in c.get_metric_history(run.info.run_id, "valid/loss")]
        assert steps == ([1] if run.data.params["seed"] == "2" else [1, 2])


def test_sync_says_what_it_could_not_deliver(folder, in_process, tmp_path):
    (tmp_path / "store.db").write_text("no database at all, " * 100)
    failed = in_process("sync", "run")
    assert failed.returncode == 1
    assert failed.stderr.startswith("run: uri=sqlite:///")
    assert failed.stderr.endswith("store.db is no SQLite file; name another\n")
    assert not (tmp_path / "store.db.lock").exists()
    assert "1 run: 1 not delivered" in failed.stdout
    assert "nowhere is no folder" in in_process("sync", "run", "nowhere").stderr
    (tmp_path / "elsewhere").mkdir()
    nothing = in_process("sync", "elsewhere")
    assert nothing.returncode == 1
    assert "no run folders in elsewhere" in nothing.stderr


@pytest.mark.slow
def test_a_run_that_was_killed_hard_is_recorded_as_killed(tmp_path, store):
    """By what delivers its records, which outlives it."""
    process = started(tmp_path, "train.max_epochs=500")
    folder = RunFolder(tmp_path / "run")
    wait_for(lambda: folder.deliveries.to(store).get("status"), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 120
    while folder.deliveries.to(store).get("status") != "KILLED":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    c, (run,) = runs_of(store, "default")
    assert run.info.status == "KILLED"
    epochs = len((tmp_path / "run" / "records.jsonl").read_text().splitlines())
    assert len(c.get_metric_history(run.info.run_id, "valid/loss")) == epochs


def test_a_finished_run_that_its_store_does_not_know_of_is_sent_by_resume(
    tracked_in_process, tmp_path, store
):
    """Killed between its result and its last word to the store; and sent twice, it is there once."""
    assert tracked_in_process(*SMALL, "hydra.run.dir=run").returncode == 0
    folder = RunFolder(tmp_path / "run")
    c, (before,) = runs_of(store, "default")
    c.update_run(before.info.run_id, "RUNNING")
    begun = json.loads(before.data.tags[DELIVERED_TAG]) | {"status": "RUNNING", "epochs": 1, "ended": None}
    c.set_tag(before.info.run_id, DELIVERED_TAG, json.dumps(begun))
    folder.deliveries.note(store, folder.deliveries.to(store) | {"status": "RUNNING", "epochs": 1})
    for _ in range(2):
        result = tracked_in_process("resume=run")
        assert result.returncode == 0, result.stderr
        assert "has finished" in result.stdout
    c, (after,) = runs_of(store, "default")
    assert after.info.status == "FINISHED"
    assert after.data.metrics == before.data.metrics
    assert after.data.params == before.data.params
    for metric in AT_THE_END:
        assert len(c.get_metric_history(after.info.run_id, metric)) == 1, metric
    for metric in PER_EPOCH:
        assert len(c.get_metric_history(after.info.run_id, metric)) == 2, metric


def test_a_run_that_is_refused_leaves_nothing_and_is_recorded_once_it_runs(
    tracked_in_process, tmp_path, store
):
    """Its file was missing."""
    text = [s for s in SMALL if not s.startswith("dataset.")] + ["dataset=text", "hydra.run.dir=run"]
    command = [*text, "dataset.path=mine.txt"]
    assert tracked_in_process(*command).returncode == 1
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine.txt").write_text("to be or not\n" * 400)
    result = tracked_in_process(*command)
    assert result.returncode == 0, result.stderr
    assert "does not take the records" not in result.stdout
    c, (run,) = runs_of(store, "default")
    assert run.info.status == "FINISHED"
    assert len(c.get_metric_history(run.info.run_id, "valid/loss")) == 2
    assert run.data.tags["rnnexp.threads"] == "1"


FAULTY = """
import sys
from rnnexp import tracking
from rnnexp.tracking import worker
from rnnexp.tracking.base import Tracker

class Faulty(Tracker):
    def deliver(self, folder):
        print("printed, not said")
        if len(folder.records()) == 2:
            sys.exit(3)

tracking.TRACKERS["mlflow"] = Faulty
worker.main()
"""


def test_the_run_goes_on_when_what_delivers_its_records_dies(folder, monkeypatch, caplog, capfd):
    monkeypatch.setattr(WorkerClient, "command", (sys.executable, "-c", FAULTY))
    tracker = WorkerClient()
    folder.append(record(1))
    tracker.changed(folder.path)
    tracker.wait()
    assert not caplog.records
    folder.append(record(2))
    tracker.changed(folder.path)
    tracker.listener.join()
    tracker.changed(folder.path)
    tracker.wait()
    (warning,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert "the process that delivers the records ended, with status 3" in warning.getMessage()
    assert "printed, not said" in capfd.readouterr().err
    tracker.process.stdin.close()
