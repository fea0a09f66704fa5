"""What a run is computed with is recorded, and stays recorded when it goes on with something else."""

import subprocess
import sys

import numpy as np
import pytest

import rnnexp
from rnnexp.experiment import runner
from rnnexp.records import provenance
from rnnexp.records.folder import RunFolder
from tests.conftest import QUICK
from tests.experiment.test_configs import composed


def test_what_is_collected(monkeypatch):
    found = provenance.collect("cpu", "numpy")
    assert found["version"] == rnnexp.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["numpy"] == np.__version__
    assert found["cpu"]
    assert int(found["cores"]) >= 1
    assert float(found["load"]) >= 0
    assert (found["device"], found["dtype"]) == ("cpu", "float32")
    assert not found.keys() & {"numba", "mkl", "gpu"}, "which compute nothing here"
    assert provenance.collect("gpu", "graph", "a large one")["gpu"] == "a large one"
    monkeypatch.setattr(provenance, "installed", lambda library: f"{library} 1.0")
    assert provenance.collect("cpu", "numba").items() >= {("numba", "numba 1.0")}
    assert provenance.collect("cpu", "mkl").items() >= {("numba", "numba 1.0"), ("mkl", "mkl 1.0")}


def test_the_blas_is_that_of_numpy_with_the_kernel_that_it_runs(monkeypatch):
    pools = [
        {"user_api": "openmp", "filepath": "numpy/libgomp.so", "version": None},
        {"user_api": "blas", "filepath": "scipy.libs/b.so", "internal_api": "openblas", "version": "1"},
        {
            **{"user_api": "blas", "filepath": "numpy.libs/b.so", "internal_api": "openblas"},
            **{"version": "0.3.31", "architecture": "SkylakeX"},
        },
    ]
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: pools)
    assert provenance.blas() == "openblas 0.3.31 SkylakeX"
    monkeypatch.setattr("threadpoolctl.threadpool_info", list)
    assert provenance.blas() is None
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)  # not installed
    assert "blas" not in provenance.collect("cpu", "numpy")


def test_the_commit_is_that_of_git(tmp_path, monkeypatch):
    def git(*arguments):
        environment = {"GIT_CONFIG_GLOBAL": "/dev/null", "PATH": "/usr/bin:/bin"}
        command = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@example.org"]
        return subprocess.run(
            [*command, *arguments], env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    monkeypatch.setattr(provenance, "HERE", tmp_path)
    assert "git_commit" not in provenance.collect("cpu", "numpy")
    git("init")
    git("commit", "--allow-empty", "-m", "first")
    found = provenance.collect("cpu", "numpy")
    assert (found["git_commit"], found["git_dirty"]) == (git("rev-parse", "HEAD"), "false")
    (tmp_path / "notes.txt").write_text("")
    assert provenance.collect("cpu", "numpy")["git_dirty"] == "false", "a file of the user's is no code"
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/new.yaml").write_text("")
    assert provenance.collect("cpu", "numpy")["git_dirty"] == "true"


def test_a_run_that_goes_on_with_something_else_keeps_what_it_began_with_and_says_so(tmp_path, monkeypatch):
    folder, config = RunFolder(tmp_path), composed(*QUICK)

    class Stopped(Exception):
        pass

    def stop(folder, record):
        raise Stopped

    def go(numpy, load):
        found = {"numpy": numpy, "load": load, "python": "3.11.7"}
        monkeypatch.setattr(provenance, "collect", lambda *arguments: found)
        with monkeypatch.context() as patch:
            patch.setattr(RunFolder, "append", stop)
            with pytest.raises(Stopped):
                runner.run_experiment(config, folder)

    with monkeypatch.context() as patch:
        patch.setattr(runner.precompile, "compile_first", lambda *_: 1 / 0)
        patch.setattr(provenance, "collect", lambda *arguments: {"numpy": "1"})
        with pytest.raises(ZeroDivisionError):
            runner.run_experiment(config, folder)
    go("2.0", "0.5")  # nothing was computed before
    assert "rnnexp.changed" not in folder.tags()
    go("2.0", "3.5")
    assert "rnnexp.changed" not in folder.tags(), "the load is never the same"
    go("2.1", "0.1")
    go("2.0", "0.1")
    tags = folder.tags()
    assert (tags["rnnexp.numpy"], tags["rnnexp.load"], tags["rnnexp.changed"]) == ("2.0", "0.5", "numpy")
    found = [(line["numpy"], line.get("load")) for line in folder.provenance()]
    assert found == [("1", None), ("2.0", "0.5"), ("2.0", "3.5"), ("2.1", "0.1"), ("2.0", "0.1")]
    times = [line["time"] for line in folder.provenance()]
    assert times == sorted(times)


def test_the_state_of_the_checkout_is_kept_for_the_processes_that_are_forked(monkeypatch):
    monkeypatch.setattr(provenance, "FOUND", {})
    before = provenance.git(provenance.HERE)
    provenance.keep_git()

    def ask(*arguments, **more):
        raise AssertionError("git is asked again")

    monkeypatch.setattr(provenance.subprocess, "run", ask)
    assert provenance.git(provenance.HERE) == before
    assert provenance.collect("cpu", "numpy").items() >= before.items()
