"""A search by several processes: on a real SLURM, by a file, and by a real PostgreSQL; one of them is killed."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from rnnexp.records.folder import RunFolder
from tests.conftest import QUICK, command
from tests.services.test_services import heed_ctrl_c, postgres, slurm  # noqa: F401
from tests.sweeps.test_sweep import folders, status

optuna = pytest.importorskip("optuna")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="the services are started as root"),
]
BUDGET = 3
SEARCH = [
    *("-m", *QUICK, "engine=numpy", "train.max_epochs=12", "train.patience=null", "cell=lstm,gru"),
    *("sweep=search", "study=s", f"sweep.trials={BUDGET}", "sweep.best_seeds=2", "sweep.pruner=null"),
    *("sweep.sampler=random", "optimizer.clip_norm=1", "model.dropout=0"),
    "optimizer.lr=tag(log,interval(0.5,4))",
]


def under_way(folder):
    """The run folders of trials that have an epoch behind them."""
    runs = [path for path in folders(folder) if path.parent.name == "s"]
    return [path for path in runs if (path / "records.jsonl").exists() and status(path) == "RUNNING"]


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def until(condition, what):
    deadline = time.monotonic() + 400
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


def assert_exact(folder, output):
    """Each cell has had its budget, no settings twice, and its final runs."""
    for cell in "lstm", "gru":
        assert f"cell={cell}: {BUDGET} of {BUDGET} trials, 0 of them pruned" in output
        trials = list(folder.glob(f"runs/s/{cell}_*/result.json"))
        assert len(trials) == BUDGET
        rates = {RunFolder(path.parent).load_config()["optimizer"]["lr"] for path in trials}
        assert len(rates) == BUDGET
        assert len(list(folder.glob(f"runs/s_best/{cell}_*/result.json"))) == 2
    assert len(folders(folder)) == 2 * BUDGET + 4


def together(folder, storage, number=3):
    """Have processes work at one search, kill the first in the middle; return what the others say."""
    arguments = command(*SEARCH, "sweep.workers=1", f"sweep.storage={storage}")
    works = [
        subprocess.Popen(arguments, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(number)
    ]
    until(lambda: len(under_way(folder)) == number, "all of them are at a trial")
    works[0].kill()
    said = [work.communicate(timeout=400)[0] for work in works][1:]
    assert [work.returncode for work in works] == [-signal.SIGKILL] + [0] * (number - 1), said
    return said


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_a_search_by_a_file_one_process_of_which_is_killed(tmp_path, storage):
    for said in together(tmp_path, f"{storage}:///{tmp_path}/trials"):
        assert_exact(tmp_path, said)


def test_a_search_by_postgresql_one_process_of_which_is_killed(postgres, tmp_path):  # noqa: F811
    pytest.importorskip("psycopg")
    for said in together(tmp_path, postgres):
        assert_exact(tmp_path, said)
    done = subprocess.run(
        command(*SEARCH, f"sweep.storage={postgres}"), cwd=tmp_path, capture_output=True, text=True
    )
    assert "4 jobs: 4 finished before" in done.stdout
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    there = subprocess.run(
        command(*SEARCH, f"sweep.storage={postgres}"), cwd=elsewhere, capture_output=True, text=True
    )
    assert there.returncode == 0, there.stderr
    assert f"4 jobs: 4 finished in {tmp_path}/runs/s_best on " in there.stdout
    assert not folders(elsewhere)


def test_a_search_on_slurm_one_process_of_which_is_killed(slurm, tmp_path):  # noqa: F811
    given = command(*SEARCH, "sweep.workers=2", "hydra/launcher=slurm")
    file = tmp_path / "output.txt"
    with file.open("w") as output:
        search = subprocess.Popen(
            given, cwd=tmp_path, env=slurm, stdout=output, stderr=output, preexec_fn=heed_ctrl_c
        )
        until(lambda: len(under_way(tmp_path)) == 2 or search.poll() is not None, "two trials are under way")
        assert search.poll() is None, file.read_text()
        job = RunFolder(under_way(tmp_path)[0]).state()["pid"]
        os.kill(parent_of(parent_of(job)), signal.SIGKILL)  # that of the process that forks jobs
        # this cluster keeps no accounts, so the launcher does not learn of it, but the search does
        assert search.wait(timeout=500) == 0, file.read_text()
    assert_exact(tmp_path, file.read_text())
    assert re.search("4 jobs: 4 finished", file.read_text())
