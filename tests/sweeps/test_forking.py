"""Jobs are forked from a process that has all loaded, and are as independent as if each was started by itself."""

import json
import os
import signal
from pathlib import Path

import pytest

from rnnexp.sweeps import starting
from rnnexp.sweeps.scheduler import Sweep
from rnnexp.sweeps.starting import Fresh, Starter
from tests.sweeps.test_sweep import ENDLESS, QUICK, jobs, status, wait_until_all_are_gone

WITNESS = '''
"""Imported by every Python process that finds it: writes down what a job finds when it begins."""
import json, os, signal, sys, threading

if sys.orig_argv[-1] == "rnnexp.sweeps.worker":
    import numpy as np
    from threadpoolctl import threadpool_info
    from rnnexp.experiment import runner

    execute = runner.execute
    loaded_in = os.getpid()

    def seen(config, folder, *others):
        print("from", config["seed"])
        found = {
            "pid": os.getpid(),
            "loaded_in": loaded_in,
            "session": os.getsid(0),
            "cwd": os.getcwd(),
            "report": os.environ["RNNEXP_JOB_REPORT"],
            "drawn": np.random.random(),
            "blocked": [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
            "threads": [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"],
            "input": os.readlink("/proc/self/fd/0"),
            "output": [os.readlink(f"/proc/self/fd/{number}") for number in (1, 2)],
        }
        with open(f"seen{config['seed']}.json", "w") as file:
            json.dump(found, file)
        metrics = execute(config, folder, *others)
        print(len(os.listdir("/proc/self/task")) - threading.active_count(), "threads of BLAS")
        return metrics

    runner.execute = seen
'''
pytestmark = pytest.mark.skipif(not starting.is_possible(), reason="processes are not forked here")


@pytest.fixture
def witnessed(tmp_path, monkeypatch):
    """Jobs of which each leaves a file about what it finds."""
    (tmp_path / "witness").mkdir()
    (tmp_path / "witness" / "sitecustomize.py").write_text(WITNESS)
    monkeypatch.syspath_prepend(tmp_path / "witness")
    monkeypatch.chdir(tmp_path)

    def read(seed):
        file = tmp_path / f"seen{seed}.json"
        return json.loads(file.read_text()) if file.exists() and file.read_text().endswith("}") else None

    return read


def sweep(found, workers=2):
    return Sweep(found, workers=workers, timeout=None, on_error="keep_going")


def test_each_job_is_a_process_of_its_own(witnessed, tmp_path):
    found = jobs([*QUICK, "seed=0,1,2", "train.max_epochs=0"])
    sweep(found).run()
    assert [job.outcome for job in found] == ["finished"] * 3
    seen = [witnessed(seed) for seed in range(3)]
    assert len({one["loaded_in"] for one in seen}) == 1
    for key in "pid", "session", "report", "drawn":
        assert len({one[key] for one in seen}) == 3, key
    for seed, (job, one) in enumerate(zip(found, seen)):
        assert one["session"] == one["pid"] != one["loaded_in"]
        assert one["cwd"] == str(tmp_path)
        assert one["blocked"] == []
        assert one["threads"] == [1] * len(one["threads"])
        assert one["input"].startswith("pipe:")
        assert one["output"] == [one["report"].replace(".json", ".txt")] * 2
        assert (job.folder.path / "output.txt").read_text() == f"from {seed}\n0 threads of BLAS\n"


ENDS = "os._exit(3)"
THREAD = "import threading, time; threading.Thread(target=time.sleep, args=[60], daemon=True).start()"


@pytest.mark.parametrize(("does", "said"), [(ENDS, "status 3"), (THREAD, "")])
def test_where_none_can_be_forked_each_is_started_by_itself(witnessed, tmp_path, caplog, does, said):
    """The process that would fork them ends at once, or has a thread."""
    file = tmp_path / "witness" / "sitecustomize.py"
    file.write_text(f"{WITNESS}\n    if os.environ['RNNEXP_JOB_REPORT'].endswith('none'):\n        {does}\n")
    found = jobs([*QUICK, "seed=0,1", "train.max_epochs=0"])
    sweep(found).run()
    assert [job.outcome for job in found] == ["finished"] * 2
    assert all(witnessed(seed)["pid"] == witnessed(seed)["loaded_in"] for seed in range(2))
    assert said in caplog.text


def test_a_job_whose_parent_is_killed_goes_on(witnessed, tmp_path):
    """And it is followed, can be stopped, and the jobs after it are started by themselves."""

    class Kills(Sweep):
        killed = False

        def look_after(self):
            if not self.killed and all(witnessed(seed) for seed in (0, 1)):
                os.kill(witnessed(0)["loaded_in"], signal.SIGKILL)
                self.killed = True
            if self.killed and (later := witnessed(7)):
                assert later["pid"] == later["loaded_in"] != witnessed(0)["loaded_in"]
                for job in self.running():
                    job.ask_to_stop("enough")
            super().look_after()

    found = [*jobs([*ENDLESS, "seed=0"]), *jobs([*QUICK, "seed=1"]), *jobs([*ENDLESS, "seed=7"])]
    Kills(found, workers=2, timeout=None, on_error="keep_going").run()
    assert [job.outcome for job in found] == ["failed", "finished", "failed"]
    assert [job.error for job in found] == ["enough", "", "enough"]
    assert [status(job.folder.path) for job in found] == ["KILLED", "FINISHED", "KILLED"]
    wait_until_all_are_gone(tmp_path / "runs")


def test_a_job_can_be_stopped_before_its_process_has_begun(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (job,) = jobs([*ENDLESS, "seed=0"])
    starter = Starter(tmp_path)
    job.start(starter, 1, tmp_path / "1.json")
    job.ask_to_stop()
    while not job.ended():
        starter.wait(1)
    starter.end()
    assert job.outcome == "stopped"
    assert starter.parent.process.returncode == 0


@pytest.mark.parametrize("device", ["gpu", None])
def test_what_does_not_run_on_a_cpu_is_started_by_itself(tmp_path, monkeypatch, device):
    monkeypatch.setattr(Fresh, "__init__", lambda self, task: None)
    starter = Starter(tmp_path)
    assert isinstance(starter.start({"config": {"device": device}}), Fresh)
    assert starter.parent is None
    starter.end()


def test_the_library_of_processes_is_asked_before_it_is_relied_on(monkeypatch):
    monkeypatch.delattr(os, "pidfd_open")
    assert not starting.is_possible()
    assert not Starter(Path()).can_fork
