"""Records in a real MLflow: complete, once each, and never in the way of training."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from filelock import FileLock, Timeout

from rnnexp.tracking.background import Background
from rnnexp.tracking.sender import serve
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
        assert artifacts == {"config.yaml", "vocabulary.json", "curves.png", "samples.txt", "best.npz"}
    assert len({run.data.tags["rnnexp.group_hash"] for run in runs}) == 1
    assert len({run.data.tags["rnnexp.config_hash"] for run in runs}) == 6


def wait_for(condition, process):
    """Until a condition holds, while a process runs."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)


def started(tmp_path, *overrides, **environment):
    return subprocess.Popen(
        command(*SMALL, "train.patience=null", "hydra.run.dir=run", *overrides),
        cwd=tmp_path,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        # whoever runs the tests in the background of a shell has it ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize("known", [True, False], ids=["once the store knows of it", "at once"])
def test_a_killed_run_goes_on_as_the_same_record_with_every_epoch_once(tmp_path, rnnexp, known):
    """Also when what sends its records is still at it, which survives the run."""
    process = started(tmp_path, "train.max_epochs=12", "dataset.train_tokens=30000")
    records, run_id = tmp_path / "run" / "records.jsonl", tmp_path / "run" / "mlflow_run_id"
    wait_for(lambda: records.exists() and (not known or run_id.exists()), process)
    before = run_id.read_text() if known else None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (tmp_path / "run" / "result.json").exists()
    assert rnnexp("resume=run").returncode == 0
    c, (run,) = runs_of(f"sqlite:///{tmp_path}/runs/mlflow.db", "default")
    assert run.info.run_id == run_id.read_text()
    assert before in (None, run.info.run_id)
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


@pytest.mark.parametrize("to_all", [True, False], ids=["group", "run"])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_killed_not_failed(tmp_path, signum, to_all):
    process = started(tmp_path, "train.max_epochs=500")
    wait_for((tmp_path / "run" / "records.jsonl").exists, process)
    os.killpg(process.pid, signum) if to_all else process.send_signal(signum)
    stdout, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + signum, stdout
    c, (run,) = runs_of(f"sqlite:///{tmp_path}/runs/mlflow.db", "default")
    assert run.info.status == "KILLED"
    epochs = len((tmp_path / "run" / "records.jsonl").read_text().splitlines())
    history = c.get_metric_history(run.info.run_id, "valid/loss")
    assert [point.step for point in history] == list(range(1, epochs + 1))


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


def test_the_wait_for_a_server_can_be_cut_short(tmp_path):
    """By a second Ctrl-C, for the first is a request to the training."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"tracking.uri=http://127.0.0.1:{silent.getsockname()[1]}"
        process = started(tmp_path, uri, MLFLOW_HTTP_REQUEST_TIMEOUT="600")
        wait_for((tmp_path / "run" / "result.json").exists, process)
        process.send_signal(signal.SIGINT)
        time.sleep(1)  # two at once are one
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    process.stdout.close()
    assert process.returncode == 128 + signal.SIGINT


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


def test_a_parallel_sweep_is_recorded(rnnexp, tmp_path):
    """Several jobs of one process, one after the other, have one sender."""
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    result = rnnexp("-m", *SMALL, "seed=0,1,2,3,4", *launcher)
    assert result.returncode == 0, result.stderr
    c, runs = runs_of(f"sqlite:///{tmp_path}/runs/mlflow.db", "default")
    assert sorted(run.data.params["seed"] for run in runs) == list("01234")
    for run in runs:
        assert run.info.status == "FINISHED"
        assert [p.step for p in c.get_metric_history(run.info.run_id, "valid/loss")] == [1, 2]


def test_calls_are_carried_out_in_order_and_alone_in_the_run_folder(tmp_path):
    said = []

    class Tracker:
        def __init__(self, uri, study, folder):
            self.lock = FileLock(folder / ".tracking.lock", timeout=0)
            said.append((uri, study, folder))

        def start(self, *arguments):
            with pytest.raises(Timeout):
                self.lock.acquire()
            said.append(arguments)

        epoch = finish = start

    folders = [tmp_path / "a", tmp_path / "b"]
    calls = []
    for folder in folders:
        folder.mkdir()
        calls += [
            ("open", ["uri", "s", str(folder)]),
            ("start", [{"p": 1}, {}, []]),
            ("epoch", [{"epoch": 1}]),
            ("epoch", [{"epoch": 2}]),
            ("finish", ["FINISHED", {}, {}, []]),
        ]
    serve(calls, Tracker, said.append)
    expected = [({"p": 1}, {}, []), ({"epoch": 1},), ({"epoch": 2},), ("FINISHED", {}, {}, []), None]
    assert said == [("uri", "s", folders[0]), *expected, ("uri", "s", folders[1]), *expected]
    for folder in folders:
        FileLock(folder / ".tracking.lock", timeout=0).acquire()


FAULTY = """
import sys, types

class MlflowTracker:
    def __init__(self, *arguments):
        print("printed, not said")
    def start(self, params, tags, records):
        pass
    def epoch(self, record):
        if record["epoch"] == 2:
            raise KeyError("a mistake")
    def finish(self, *arguments):
        pass

sys.modules["rnnexp.tracking.mlflow"] = types.SimpleNamespace(MlflowTracker=MlflowTracker)
from rnnexp.tracking import sender
sender.main()
"""


def test_a_mistake_of_ours_in_the_sender_is_a_warning_and_the_next_run_has_another(
    tmp_path, monkeypatch, caplog, capfd
):
    monkeypatch.setattr(Background, "command", (sys.executable, "-c", FAULTY))
    monkeypatch.setattr(Background, "sender", None)

    def run(epochs):
        tracker = Background("uri", "s", tmp_path)
        tracker.start({}, {}, [])
        for epoch in range(1, epochs + 1):
            tracker.epoch({"epoch": epoch})
        tracker.finish("FINISHED", {}, {}, [])
        return tracker.mine

    first = run(1)
    second = run(3)
    assert first is second
    assert "KeyError: 'a mistake'" in capfd.readouterr().err
    (warning,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert "the process that sends the records ended, with status 1" in warning.getMessage()
    third = run(1)
    assert third is not second
    for sender in second, third:
        sender.process.stdin.close()
        sender.listener.join()
        sender.process.stdout.close()
