"""Sweeps on a real SLURM, and many writers at a real server on PostgreSQL."""

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from rnnexp.records.folder import RunFolder
from rnnexp.tracking import mlflow
from tests.cli.test_train import LONG, assert_same_run
from tests.conftest import command
from tests.experiment.test_configs import composed
from tests.sweeps.test_sweep import folders, status
from tests.tracking.test_tracking import mlflow_server, record, runs_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="the services are started as root"),
]
SERVICES = Path(__file__).parent


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """The environment in which sbatch finds the cluster."""
    if not shutil.which("slurmctld"):
        pytest.skip("slurm-wlm and munge are not installed")
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([SERVICES / "slurm.sh", "start", folder], check=True, timeout=60)
    yield os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
    subprocess.run([SERVICES / "slurm.sh", "stop", folder], check=True)


def heed_ctrl_c():
    """A shell starts what is to run in the background so that it ignores SIGINT, and its children with it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_sweep_on_slurm_one_job_of_which_is_preempted_and_one_killed(slurm, tmp_path):
    def until(condition):
        deadline = time.monotonic() + 600
        while not (found := condition()):
            assert time.monotonic() < deadline
            assert sweep.poll() is None, (tmp_path / "output.txt").read_text()
            time.sleep(0.1)
        return found

    def running():
        """The folders of the runs under way that have an epoch behind them."""
        return [
            folder
            for folder in folders(tmp_path)
            if (folder / "records.jsonl").exists() and status(folder) == "RUNNING"
        ]

    def task_of(folder):
        pid = RunFolder(folder).state()["pid"]
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        found = dict(line.split(b"=", 1) for line in environment if b"=" in line)
        return f"{found[b'SLURM_ARRAY_JOB_ID'].decode()}_{found[b'SLURM_ARRAY_TASK_ID'].decode()}"

    long = [*LONG, "train.max_epochs=20", "train.patience=null"]
    slurm_sweep = command("-m", *long, "seed=0,1,2,3,4,5", "hydra/launcher=slurm")
    with (tmp_path / "output.txt").open("w") as output:
        sweep = subprocess.Popen(
            slurm_sweep,
            cwd=tmp_path,
            env=slurm,
            stdout=output,
            stderr=output,
            preexec_fn=heed_ctrl_c,
        )
        first = until(running)[0]
        subprocess.run(["scontrol", "requeue", task_of(first)], env=slurm, check=True)
        second = until(lambda: [folder for folder in running() if folder != first])[0]
        os.kill(RunFolder(second).state()["pid"], signal.SIGKILL)
        until(lambda: sum(status(folder) == "FINISHED" for folder in folders(tmp_path)) == 5)
        # this cluster keeps no accounts, so submitit does not learn that a job was killed, and waits for it
        sweep.send_signal(signal.SIGINT)
        assert sweep.wait(timeout=60) == 128 + signal.SIGINT
    assert re.search(
        "6 jobs: (5 finished, 1 killed|1 killed, 5 finished)", (tmp_path / "output.txt").read_text()
    )
    assert RunFolder(first).state()["number"] == 2, "it was taken up again"
    assert not (second / "result.json").exists()
    again = subprocess.run(slurm_sweep, cwd=tmp_path, env=slurm, capture_output=True, text=True, timeout=200)
    assert again.returncode == 0, again.stderr
    assert "6 jobs: 6 finished" in again.stdout
    elsewhere = tmp_path / "undisturbed"
    elsewhere.mkdir()
    undisturbed = command("-m", *long, "seed=0,1,2,3,4,5")
    subprocess.run(undisturbed, cwd=elsewhere, check=True, capture_output=True)
    theirs = {folder.name: folder for folder in folders(elsewhere)}
    assert len(folders(tmp_path)) == len(theirs) == 6
    for folder in folders(tmp_path):
        assert_same_run(folder, theirs[folder.name])


@pytest.fixture
def postgres(tmp_path_factory):
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("postgresql is not installed")
    folder = tmp_path_factory.mktemp("postgres")
    for parent in folder, *folder.parents[:2]:
        parent.chmod(0o755)  # PostgreSQL runs as a user of its own
    subprocess.run([SERVICES / "postgres.sh", "start", folder], check=True, timeout=60)
    yield "postgresql://rnnexp@127.0.0.1:15432/rnnexp"
    subprocess.run([SERVICES / "postgres.sh", "stop", folder], check=True)


def test_32_runs_write_to_a_server_on_postgresql_at_once(postgres, tmp_path):
    epochs = 30
    with mlflow_server(tmp_path, postgres, workers=4) as url:
        for number in range(32):
            folder = RunFolder(tmp_path / f"run{number}")
            with folder.claimed():
                folder.save_config(composed(f"seed={number}", f"tracking.uri={url}", "study=many"))
                for epoch in range(1, epochs + 1):
                    folder.append(record(epoch) | {"time": 1000 * number + epoch})
                folder.finish(
                    {"time": 5, "best/valid_ppl": 2.0, "best/epoch": epochs, "test/ppl": float(number)}
                )
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["mlflow.tracking"])
        writers = [
            context.Process(target=deliver_in_parts, args=(tmp_path / f"run{number}", url, epochs))
            for number in range(32)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(timeout=300)
        assert [writer.exitcode for writer in writers] == [0] * 32
        c, runs = runs_of(url, "many")
        assert sorted(run.data.metrics["test/ppl"] for run in runs) == list(range(32))
        for run in runs:
            number = int(run.data.params["seed"])
            history = c.get_metric_history(run.info.run_id, "valid/loss")
            expected = [(epoch, 1000 * number + epoch, 1 / epoch) for epoch in range(1, epochs + 1)]
            assert sorted((p.step, p.timestamp, p.value) for p in history) == expected


def deliver_in_parts(path, uri, epochs):
    """As it happens while a run goes on: some epochs at a time."""

    class Growing(RunFolder):
        shown = 0

        def records(self):
            return super().records()[: self.shown]

    folder = Growing(path)
    for folder.shown in range(0, epochs + 1, epochs // 10):
        mlflow.make(uri).deliver(folder)
    assert folder.deliveries.to(uri)["epochs"] == epochs
