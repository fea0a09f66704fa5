"""A sweep does every combination once, whatever happens to its jobs and to itself."""

import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from rnnexp.errors import UserError
from rnnexp.experiment import schema
from rnnexp.installation import CONF
from rnnexp.records.address import Address
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.job import Job
from rnnexp.sweeps.scheduler import Sweep
from rnnexp.sweeps.search import Search
from rnnexp.sweeps.storages import open_storage
from tests import conftest
from tests.cli.test_train import LONG, assert_same_run
from tests.conftest import command, data_folder
from tests.helpers.requests import open_request

schema.register()
# compiled loops take a job most of a second to load; that of `test_a_job_computes_...` and LONG ones have them
SMALL, QUICK = ([*small, "engine=numpy"] for small in (conftest.SMALL, conftest.QUICK))
ENDLESS = [*QUICK, "train.max_epochs=5000", "train.patience=null"]
FAULTS = '''
"""Imported by every Python process that finds it: what goes wrong in the job with which seed."""
import os, resource, signal, sys, time

if sys.orig_argv[-1] == "rnnexp.sweeps.worker":
    from rnnexp.experiment import runner

    execute = runner.execute

    def faulty(config, *others):
        match config["seed"]:
            case 1:
                raise RuntimeError("a mistake of ours")
            case 2:
                os._exit(3)
            case 3:
                os.kill(os.getpid(), signal.SIGKILL)
            case 4:
                resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))
                bytearray(1 << 33)
            case 5:
                open("hangs", "w").close()
                time.sleep(1000)
            case 6:
                sys.exit("no more")
        return execute(config, *others)

    runner.execute = faulty
'''
OUTCOMES = {  # seed -> what the summary says of it, and the status of the run
    1: ("RuntimeError: a mistake of ours", "KILLED"),
    2: ("exit status 3", "KILLED"),
    3: ("killed by SIGKILL", "KILLED"),
    4: ("not enough memory", "KILLED"),
    6: ("no more", "KILLED"),
}


@pytest.fixture
def faults(tmp_path, monkeypatch):
    """A context within which jobs go wrong."""
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "sitecustomize.py").write_text(FAULTS)

    @contextmanager
    def context():
        with monkeypatch.context() as within:
            within.syspath_prepend(tmp_path / "faults")
            yield

    return context


def jobs(arguments):
    with open_request(arguments) as request:
        return request.jobs()


def folders(tmp_path):
    return sorted(path.parent for path in tmp_path.glob("runs/*/*/state.json"))


def status(folder):
    return RunFolder(folder).state()["status"]


def test_every_combination_once_and_again_nothing(in_process, tmp_path):
    sweep = ["-m", *QUICK, "cell=lstm,gru", "seed=0,1", "train.max_steps=3"]
    first = in_process(*sweep)
    assert first.returncode == 0, first.stderr
    assert "4 jobs: 4 finished\n" in first.stdout
    assert "cell=gru seed=1: best epoch 1, valid ppl" in first.stdout
    names = [f"{cell}_seed{seed}" for cell in ("gru", "lstm") for seed in range(2)]
    assert [path.name[:-9] for path in folders(tmp_path)] == names
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/*/*")}
    again = in_process(*sweep)
    assert again.returncode == 0
    assert "4 jobs: 4 finished before\n" in again.stdout
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/*/*")}
    more = in_process("-m", *QUICK, "cell=lstm,gru,rnn", "seed=range(1)", "train.max_steps=3")
    assert "3 jobs: 2 finished before, 1 finished\n" in more.stdout


def test_a_job_computes_what_a_run_of_its_own_does(rnnexp, in_process, tmp_path):
    """To the bit, at a size at which the matrix products matter."""
    tokens = [f"dataset.{split}_tokens={number}" for split, number in [("train", 9000), ("valid", 2000)]]
    larger = [*tokens, "dataset.test_tokens=2000", "train.max_epochs=1", "tracking=none", "threads=1"]
    assert rnnexp(*larger, "hydra.run.dir=alone").returncode == 0
    assert in_process("-m", *larger, "seed=0,1").returncode == 0
    assert_same_run(folders(tmp_path)[0], tmp_path / "alone")


@pytest.mark.slow
def test_jobs_that_die_in_five_ways_take_no_other_with_them(tracked_in_process, tmp_path, store, faults):
    """And once nothing goes wrong any more, the same command does what is left."""
    sweep = ["-m", *SMALL, "seed=0,1,2,3,4,6,7", "train.max_steps=3"]
    with faults():
        result = tracked_in_process(*sweep)
    assert result.returncode == 1
    assert "7 jobs: 2 finished, 5 failed\n" in result.stdout
    assert result.stderr.strip() == "rnnexp: 5 of 7 jobs failed; the same command again takes up what is left"
    of_seed = {int(path.name.split("_")[1].removeprefix("seed")): path for path in folders(tmp_path)}
    for seed, (error, ends_as) in OUTCOMES.items():
        (line,) = (line for line in result.stdout.splitlines() if line.startswith(f"failed: seed={seed}: "))
        assert error in line
        assert status(of_seed[seed]) == ends_as
        assert str(of_seed[seed].relative_to(tmp_path)) in line
    assert "RuntimeError: a mistake of ours" in (of_seed[1] / "output.txt").read_text()
    for seed in 0, 7:
        assert status(of_seed[seed]) == "FINISHED"
        assert not (of_seed[seed] / "output.txt").exists()
    again = tracked_in_process(*sweep)
    assert again.returncode == 0, again.stdout
    assert "7 jobs: 2 finished before, 5 finished\n" in again.stdout
    from tests.tracking.test_tracking import runs_of

    _, runs = runs_of(store, "default")
    assert sorted(run.data.params["seed"] for run in runs) == list("0123467")
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_job_that_hangs_is_stopped_after_the_timeout(tmp_path, monkeypatch, faults):
    """Which is set here once the job is known to hang and the others have ended, however long that takes."""

    class WhenItHangs(Sweep):
        def look_after(self):
            super().look_after()
            if (tmp_path / "hangs").exists() and len(self.running()) == 1:
                self.timeout = 0.5

    monkeypatch.chdir(tmp_path)
    found = jobs([*QUICK, "seed=0,5,7", "train.max_steps=3"])
    work = WhenItHangs(found, workers=3, timeout=None, on_error="keep_going")
    with faults():
        work.run()
    assert [job.outcome for job in found] == ["finished", "failed", "finished"]
    assert found[1].error == "stopped after sweep.timeout=0.5 s"
    assert [status(job.folder.path) for job in found] == ["FINISHED", "KILLED", "FINISHED"]
    # from the command it comes as it is said there
    with open_request(["seed=0,1", "sweep.timeout=8"]) as request:
        assert request.settings["timeout"] == 8


def test_a_job_that_fails_says_why_in_its_folder_and_its_record(tracked_in_process, store):
    result = tracked_in_process("-m", *SMALL, "train.batch_size=4,1000", "train.max_steps=3")
    assert result.returncode == 1
    assert "Traceback" not in result.stdout + result.stderr
    assert "train.batch_size=1000: failed: the train split has 3000 tokens" in result.stdout
    from tests.tracking.test_tracking import runs_of

    c, runs = runs_of(store, "default")
    errors = {run.data.params["train.batch_size"]: run.data.tags["rnnexp.error"] for run in runs}
    assert errors["4"] == ""
    assert "3000 tokens" in errors["1000"]
    assert errors.keys() == {"4", "1000"}
    for run in runs:
        if run.info.status == "FAILED":
            assert "traceback.txt" in {file.path for file in c.list_artifacts(run.info.run_id)}


def test_a_job_that_dies_before_it_has_its_folder(in_process, tmp_path):
    """It cannot lock it, and no other job suffers."""
    (job,) = jobs([*QUICK, "seed=0"])
    (tmp_path / "runs" / "bad" / job.folder.path.name / ".lock").mkdir(parents=True)
    result = in_process("-m", *QUICK, "seed=0", "study=bad,good")
    assert result.returncode == 1
    assert "2 jobs: 1 failed, 1 finished\n" in result.stdout
    assert "study=bad: failed: " in result.stdout
    assert f"{tmp_path}/runs/bad/{job.folder.path.name}/.lock: Is a directory" in result.stdout


def test_the_folder_of_another_run_is_no_result(in_process, tmp_path):
    assert in_process(*QUICK, "seed=0", "hydra.run.dir=runs/mine").returncode == 0
    result = in_process("-m", *QUICK, "seed=5", "hydra.run.dir=runs/mine")
    assert result.returncode == 1
    assert "failed: runs/mine holds a run with other settings" in result.stdout


def test_a_finished_run_that_is_called_killed_is_set_right(in_process, tmp_path):
    assert in_process("-m", *QUICK, "seed=0").returncode == 0
    folder = RunFolder(folders(tmp_path)[0])
    with folder.claimed():
        folder.end("KILLED")
    assert in_process("-m", *QUICK, "seed=0").returncode == 0
    assert status(folder.path) == "FINISHED"


def test_fail_fast_stops_the_others_which_can_go_on(in_process, tmp_path, faults):
    """The job with seed 1 fails while that with seed 0 has much to do; that with seed 7 is never begun."""
    sweep = ["-m", *ENDLESS, "seed=0,1,7", "sweep.workers=2"]
    with faults():
        result = in_process(*sweep, "sweep.on_error=fail_fast")
    assert result.returncode == 1
    assert "3 jobs: 1 stopped, 1 failed, 1 not begun\n" in result.stdout
    assert "KILLED" in {status(folder) for folder in folders(tmp_path)}


def started(tmp_path, *arguments, jobs):
    """A sweep under way, so many of its jobs with an epoch behind them."""
    sweep = subprocess.Popen(
        command("-m", *arguments),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # whoever runs the tests in the background of a shell has it ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("runs/default/*/records.jsonl"))) < jobs:
        assert sweep.poll() is None, sweep.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return sweep


def processes_in(folder):
    """The processes whose working folder is this one, zombies left out."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == folder and (process / "cmdline").read_bytes():
                found.append(process.name)
    return found


def wait_until_all_are_gone(tmp_path):
    deadline = time.monotonic() + 20
    while processes_in(tmp_path):
        assert time.monotonic() < deadline, "processes are left behind"
        time.sleep(0.1)


@pytest.mark.parametrize(("signum", "to_all"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_sweep_that_is_asked_to_stop_stops_with_all_its_jobs(tmp_path, signum, to_all):
    """As Ctrl-C in a terminal does, to every process; or as `kill` does, to the one that was started."""
    sweep = started(tmp_path, *ENDLESS, "seed=0,1,2,3", "sweep.workers=2", jobs=2)
    os.killpg(sweep.pid, signum) if to_all else sweep.send_signal(signum)
    stdout, stderr = sweep.communicate(timeout=120)
    assert sweep.returncode == 128 + signum, stderr
    assert "Traceback" not in stderr
    assert "4 jobs: 2 stopped, 2 not begun\nstopped; the same command again takes up what is left" in stdout
    wait_until_all_are_gone(tmp_path)
    assert [status(folder) for folder in folders(tmp_path)] == ["KILLED", "KILLED"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A sweep that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(command("-m", *LONG, "seed=0,1"), cwd=folder, check=True, capture_output=True, timeout=300)
    return folders(folder)


@pytest.mark.slow
def test_a_sweep_that_is_killed_hard_goes_on_by_the_same_command(rnnexp, tmp_path, undisturbed):
    """Its jobs save and end by themselves."""
    sweep = started(tmp_path, *LONG, "seed=0,1", jobs=1)
    sweep.kill()
    sweep.communicate()
    again = rnnexp("-m", *LONG, "seed=0,1")  # at once: the jobs of the first may not be done yet
    assert again.returncode == 0, again.stdout + again.stderr
    assert "resumed and finished" in again.stdout
    ours = folders(tmp_path)
    assert [folder.name for folder in ours] == [folder.name for folder in undisturbed]
    for folder, theirs in zip(ours, undisturbed):
        assert_same_run(folder, theirs)
    wait_until_all_are_gone(tmp_path)


@pytest.mark.slow
def test_two_sweeps_at_once_do_every_job_once(rnnexp, tmp_path, undisturbed):
    sweep = started(tmp_path, *LONG, "seed=0,1", jobs=1)
    other = rnnexp("-m", *LONG, "seed=1,0")
    assert sweep.wait(timeout=60) == other.returncode == 0
    sweep.communicate()
    for folder, theirs in zip(folders(tmp_path), undisturbed):
        assert_same_run(folder, theirs)
        assert len((folder / "records.jsonl").read_text().splitlines()) == 3


@pytest.mark.slow
def test_a_process_that_was_suspended_too_long_finds_out_and_stops(in_process, tmp_path, undisturbed):
    """Another has taken its run over meanwhile; that one's work stands."""
    first = subprocess.Popen(
        command(*LONG), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (found := list(tmp_path.glob("runs/default/*/records.jsonl"))):
        assert first.poll() is None
        time.sleep(0.01)
    folder = found[0].parent
    lock = FileLock(folder / ".lock", timeout=1)
    while True:
        first.send_signal(signal.SIGSTOP)
        with suppress(Timeout), lock:
            break
        first.send_signal(signal.SIGCONT)  # it was stopped in the middle of a write
    refused = in_process(*LONG)
    assert refused.returncode == 1
    assert f"in use: process {first.pid} on " in refused.stderr
    long_ago = time.time() - 1000
    os.utime(folder / "state.json", (long_ago, long_ago))
    assert in_process(*LONG).returncode == 0
    before = {path: path.read_bytes() for path in folder.iterdir()}
    first.send_signal(signal.SIGCONT)
    _, stderr = first.communicate(timeout=120)
    assert first.returncode == 1
    assert "was taken over by another process" in stderr
    assert len(stderr.strip().splitlines()) == 1
    assert before == {path: path.read_bytes() for path in folder.iterdir() if path.name != "rnnexp.log"} | {
        path: content for path, content in before.items() if path.name == "rnnexp.log"
    }
    assert_same_run(folder, undisturbed[0])


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["seed=range(0)"], ["seed=range(0)", "nothing to run"]),
        (["seed=interval(0,1)"], ["seed=interval(0,1)", "name the values"]),
        (["seed=0,1", "--resolve"], ["--resolve is for --cfg"]),
        (["seed=0,1", "hydra.run.dir=here"], ["seed=0 and seed=1 would share here"]),
        (["seed=0,1", "study=a/b"], ["study=a/b"]),
        (["cell=lstm,gru", "train.batch_size=4,0"], ["cell=lstm train.batch_size=0: ", "must be at least 1"]),
        (["cell=lstm,gru", "+cell.reset=after"], ["cell=lstm: cell.reset is an option of cell=gru only"]),
        (["seed=0,1", "sweep.workers=0"], ["sweep.workers=0"]),
        (["seed=0,1", "sweep.on_error=panic"], ["sweep.on_error=panic", "fail_fast"]),
        (["model.hiden_size=3,4"], ["model.hiden_size"]),
        (["dataset=text", "seed=0,1"], ["dataset.path has no value"]),
        (
            ["cell=lstm,gru", "dataset=ptb,text", "data.root=."],
            ["cell=lstm dataset=text: dataset.path has no"],
        ),
        (
            ["dataset=grammar,ptb", "dataset.max_tokens=9"],
            ["dataset=grammar: dataset.max_tokens is an option"],
        ),
        (
            ["sweep.match_cells=true", "dataset=ptb", "data.root=gone", "cell=lstm,gru"],
            ["cell=lstm: ", "gone/ptb holds no ptb.train.txt"],
        ),
        (["dataset=ptb", "data.root=gone", "seed=0,1"], ["seed=0: ", "gone/ptb holds no ptb.train.txt"]),
        (["dataset=dinos", "data.root=gone"], ["gone holds no dinos.txt: name the folder that does"]),
        (["dataset=text", "dataset.path=gone.txt"], ["cannot read", "gone.txt: No such file"]),
        (
            ["sweep=search", "sweep.trials=2", "cell=gru", "dataset=text", "dataset.path=gone.txt"],
            ["cannot read", "gone.txt: No such file"],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and "=" in value[0] else "",
)
def test_a_mistake_in_a_sweep_starts_nothing(in_process, tmp_path, arguments, parts):
    result = in_process("-m", *arguments)
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("rnnexp: ")
    for part in parts:
        assert part in line
    assert not (tmp_path / "runs").exists()


def test_a_mistake_that_all_jobs_have_names_none(in_process):
    result = in_process("-m", "cell=lstm,gru", "seed=0,1", "model.hiden_size=3")
    assert result.stderr == "rnnexp: model.hiden_size is not known: did you mean model.hidden_size?\n"


def test_one_folder_has_the_data_of_jobs_that_differ_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = jobs(["cell=lstm,gru", "dataset=ptb,tinyshakespeare,grammar", "data.root=texts"])
    assert [job.name.partition(" ")[2] for job in found] == [
        "dataset=ptb",
        "dataset=tinyshakespeare",
        "dataset=grammar",
    ] * 2
    folders = [str(tmp_path / "texts" / name) for name in ("ptb", "tinyshakespeare")]
    assert [job.config["dataset"].get("dir") for job in found] == [*folders, None] * 2
    assert len({job.folder.path for job in found}) == 6


def test_cells_and_corpora_by_one_command(in_process, tmp_path):
    """Where a corpus is missing, no job is begun."""
    root = tmp_path / "texts"
    root.mkdir()
    (root / "ptb").symlink_to(data_folder("ptb"))
    both = ["-m", *QUICK[3:], "cell=lstm,gru", "dataset=ptb,tinyshakespeare", f"data.root={root}"]
    short = ["dataset.max_tokens=3000", "train.max_steps=1", "train.test=never"]
    refused = in_process(*both, *short).stderr
    assert f"cell=lstm dataset=tinyshakespeare: dataset.dir={root}/tinyshakespeare holds no input" in refused
    assert not (tmp_path / "runs").exists()
    (root / "tinyshakespeare").symlink_to(data_folder("tinyshakespeare"))
    assert "4 jobs: 4 finished\n" in in_process(*both, *short).stdout


def test_what_comes_to_the_same_is_one_job(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = jobs([*QUICK, "seed=0,0", "optimizer.lr=1,1.0", "train.checkpoint_every_s=1,2"])
    assert [job.name for job in found] == ["optimizer.lr=1 seed=0 train.checkpoint_every_s=1"]
    assert [job.name for job in jobs(["seed=0,1,2", "seed=3,4"])] == ["seed=3", "seed=4"]
    assert capsys.readouterr().err.endswith("seed=0,1,2 does not count: seed=3,4 comes after it\n")
    with open_request([*QUICK, "sweep.trials=1", "optimizer.lr=interval(1,2)", "model.dropout=interval(0,1)",
                       "optimizer.lr=3"]) as request:  # fmt: skip
        assert [*request.space] == ["model.dropout"]
        assert "optimizer.lr=3" in request.combinations()[0][1]
    cells = len(list((CONF / "cell").glob("*gru*.yaml")))
    assert len(jobs(["seed=range(2)", "cell=glob(*gru*)", "model.hidden_size=choice(8,9)"])) == 4 * cells
    assert [job.name for job in jobs(["seed=3"])] == ["the only job"]


def test_a_rerun_stands_beside_the_first(in_process, tmp_path):
    for arguments in ["seed=0,1"], ["seed=1", "rerun=true"]:
        assert in_process("-m", *QUICK, "train.max_steps=3", *arguments).returncode == 0
    found = folders(tmp_path)
    assert len(found) == 3
    results = [json.loads((folder / "result.json").read_text())["test/ppl"] for folder in found]
    assert len(set(results)) == 2


def test_a_preset_can_name_its_sweep(tmp_path, monkeypatch):
    """In hydra.sweeper.params; what the command says goes before it."""
    (tmp_path / "more" / "experiment").mkdir(parents=True)
    (tmp_path / "more" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nhydra:\n  sweeper:\n    params:\n      seed: 0,1\n      cell: lstm,gru\n"
    )
    monkeypatch.chdir(tmp_path)
    preset = [f"hydra.searchpath=[file://{tmp_path}/more]", "experiment=mine"]
    assert len(jobs(preset)) == 4
    assert [job.name for job in jobs([*preset, "cell=rnn"])] == ["seed=0", "seed=1"]
    with pytest.raises(UserError, match="nothing to run"):
        jobs([*preset, "seed=range(0)"])


LAUNCHER = """# @package hydra.launcher
_target_: hydra._internal.core_plugins.basic_launcher.BasicLauncher
"""  # Hydra's own, under a name that is not that of the default
PRESET = """# @package _global_
defaults: [override /hydra/launcher: in_turn]
"""


@pytest.fixture
def in_turn(tmp_path):
    """The override with which Hydra finds a launcher in_turn, and a preset that names it."""
    for name, text in ("hydra/launcher/in_turn", LAUNCHER), ("experiment/by_launcher", PRESET):
        file = tmp_path / "more" / f"{name}.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    return f"hydra.searchpath=[file://{tmp_path}/more]"


@pytest.mark.parametrize("named", ["hydra/launcher=in_turn", "experiment=by_launcher"])
def test_another_launcher_does_the_jobs_however_it_is_named(tmp_path, monkeypatch, in_turn, named):
    monkeypatch.chdir(tmp_path)
    with open_request([*QUICK, in_turn, named, "seed=0,1"]) as request:
        assert request.launcher == "in_turn"
    with open_request([*QUICK, in_turn, "seed=0,1"]) as request:
        assert request.launcher is None


@pytest.mark.parametrize("named", ["hydra/launcher=in_turn", "experiment=by_launcher"])
def test_a_sweep_is_handed_over_to_another_launcher(in_process, tmp_path, monkeypatch, in_turn, named):
    monkeypatch.setattr(Sweep, "run", lambda self: pytest.fail("our own scheduler does the jobs"))
    result = in_process("-m", *QUICK, in_turn, named, "cell=gru", "seed=0,1", "train.max_steps=3")
    assert result.returncode == 0, result.stderr
    assert "2 jobs: 2 finished\n" in result.stdout
    assert [folder.name[:-9] for folder in folders(tmp_path)] == ["gru_seed0", "gru_seed1"]


@pytest.mark.slow
def test_another_launcher_begins_the_processes_of_a_search(in_process, tmp_path, in_turn):
    search = [*QUICK, "sweep=search", "sweep.trials=2", "sweep.best_seeds=1", "model.dropout=0", "study=s"]
    search += ["cell=lstm,gru", "optimizer.clip_norm=1", "optimizer.lr=tag(log,interval(0.5,4))"]
    given = ["-m", *search, in_turn, "hydra/launcher=in_turn", "sweep.workers=2", "train.max_steps=3"]
    for _ in range(2):
        result = in_process(*given)
        assert result.returncode == 0, result.stderr
        for cell in "lstm", "gru":
            assert f"cell={cell}: 2 of 2 trials, 0 of them pruned" in result.stdout
        assert "2 jobs: 2 finished" in result.stdout
    found = [path.parent.parent.name for path in tmp_path.glob("runs/*/*/result.json")]
    assert sorted(found) == ["s"] * 4 + ["s_best"] * 2


def test_what_another_launcher_says_of_a_failure_is_told(in_process, in_turn):
    sweep = ["-m", *QUICK, in_turn, "hydra/launcher=in_turn", "seed=0,1", "train.batch_size=1000"]
    failing = in_process(*sweep)
    assert failing.returncode == 1
    assert "2 jobs: 2 failed\n" in failing.stdout
    assert failing.stderr.splitlines()[-1].startswith("rnnexp: the launcher says: the train split has 3000")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hydra/launcher=in_turn", "rerun=true"], "rerun=true does not go with hydra/launcher=in_turn"),
        (["experiment=by_launcher", "rerun=True"], "rerun=true does not go with hydra/launcher=in_turn"),
        (["experiment=by_launcher,demo"], "hydra/launcher=in_turn comes from a preset that is swept over"),
        (["hydra/launcher=in_turn", "sweep=search", "sweep.prepare=true"], "a search must see results"),
    ],
)
def test_what_another_launcher_cannot_do(in_process, tmp_path, in_turn, arguments, message):
    result = in_process("-m", *QUICK, in_turn, "seed=0,1", *arguments)
    assert result.returncode == 1
    assert result.stderr.startswith(f"rnnexp: {message}")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


SEARCH = [
    *("-m", *QUICK, "sweep=search", "sweep.trials=6", "sweep.best_seeds=2", "cell=lstm,gru", "study=tuned"),
    *("optimizer.lr=tag(log,interval(0.01,4))", "optimizer.clip_norm=1", "train.max_epochs=6"),
]


@pytest.mark.slow
def test_a_search_tries_as_much_for_each_cell_and_ends_with_the_best(rnnexp, tmp_path):
    """Cut off in the middle, it goes on with the trials that were running."""
    import optuna

    first = subprocess.Popen(command(*SEARCH), cwd=tmp_path, stdout=subprocess.DEVNULL)
    while len(list(tmp_path.glob("runs/tuned/*/result.json"))) < 4:
        assert first.poll() is None
        time.sleep(0.05)
    first.kill()
    first.wait()
    result = rnnexp(*SEARCH)
    assert result.returncode == 0, result.stderr
    storage = open_storage(Address(f"sqlite:///{tmp_path}/runs/tuned/search.db"))
    for name in optuna.get_all_study_names(storage):
        cell = "gru" if "cell=gru" in name else "lstm"
        study = optuna.load_study(study_name=name, storage=storage)
        over = [trial for trial in study.trials if trial.state.name in ("COMPLETE", "PRUNED")]
        assert len(over) == 6
        assert study.best_params.keys() == {"optimizer.lr", "model.dropout"}
        assert all(0.01 <= trial.params["optimizer.lr"] <= 4 for trial in over)
        best = [RunFolder(path) for path in folders(tmp_path) if path.parent.name == "tuned_best"]
        values = {
            folder.load_config()["seed"]: folder.result()["best/valid_ppl"]
            for folder in best
            if folder.load_config()["cell"]["name"] == cell
        }
        assert values.keys() == {1, 2}  # after that of the trials
        trials = [path.parent for path in tmp_path.glob(f"runs/tuned/{cell}_seed0_*/result.json")]
        results = [RunFolder(path).result() for path in trials]
        assert study.best_value in [result["best/valid_ppl"] for result in results]
        assert not any(name.startswith("test/") for result in results for name in result)
        assert f"best valid ppl {study.best_value:.4g} with " in result.stdout
    assert [folder.tags()["rnnexp.tuning_trials"] for folder in best] == ["6"] * 4
    again = rnnexp(*SEARCH)
    assert "4 jobs: 4 finished before" in again.stdout


@pytest.mark.slow
def test_a_trial_that_falls_behind_is_pruned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lr = "optimizer.lr=choice(0.8,0.9,1,1.1,1.2,0.0001)"
    search = [*SEARCH[1:], lr, "model.dropout=0", "cell=gru", "train.max_epochs=500"]
    with open_request(search) as request:
        work = Search(request, workers=1, timeout=None, on_error="keep_going")
        for value in "0.8", "0.9", "1", "1.1", "1.2", "0.0001":
            work.branches[0].study.enqueue_trial({"optimizer.lr": value})
        work.run()
    assert [job.outcome for job in work.jobs] == ["finished"] * 5 + ["pruned"]
    folder = work.jobs[-1].folder
    assert (folder.state()["status"], folder.tags()["rnnexp.pruned"]) == ("KILLED", "true")
    assert "6 of 6 trials, 1 of them pruned; best valid ppl" in work.summary()


@pytest.mark.slow
def test_a_search_over_less_than_its_trials_tries_each_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = [
        *SEARCH[1:],
        "optimizer.lr=choice(0.5,1,2)",
        "model.dropout=0",
        "cell=gru,gru",
        "train.max_steps=3",
    ]
    for number in 3, 0:
        with open_request(few) as request:
            work = Search(request, workers=2, timeout=None, on_error="keep_going")
            work.run()
            work.close()
        assert len(work.jobs) == number
        assert "cell=gru: 3 of 6 trials, 0 of them pruned" in work.summary()


def proposals(request, workers=1, together=1):
    """What a search proposes to a sweep that has so many trials running at a time."""
    work, running = Search(request, workers=workers, timeout=None, on_error="keep_going"), []
    try:
        while job := work.next_job():
            running.append(job)
            if len(running) == together:
                for job in reversed(running):  # the later ones end first
                    trial = work.trial_of[job.folder.path]
                    work.branch_of(job).trials.tell(trial, 10 - trial.params["optimizer.lr"])
                running.clear()
    finally:
        work.close()
    return work


def chosen(work):
    return [job.name for job in work.jobs]


RANDOM = [*SEARCH[1:], "sweep.sampler=random", "sweep.trials=3", "cell=gru"]


@pytest.mark.slow
def test_a_random_search_has_the_same_trials_with_any_number_of_workers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = []
    for number, more in enumerate([["cell=lstm,gru"], [], ["sweep.trials=2"], []]):
        study = f"study=s{min(number, 2)}"  # the last goes on with what the third has begun
        with open_request([*RANDOM, study, *more]) as request:
            found.append(chosen(proposals(request, workers=3, together=[1, 3, 1, 1][number])))
    both = [name.partition(" ")[::2] for name in found[0]]
    assert [rest for cell, rest in both if cell == "cell=lstm"] == found[1]
    assert [rest for cell, rest in both if cell == "cell=gru"] == found[1]
    assert found[1] == found[2] + found[3]
    assert len(set(found[1])) == 3
    with open_request([*RANDOM, "study=s3", "seed=1", "sweep.trials=2"]) as request:
        assert not set(chosen(proposals(request))) & set(found[1])


def test_a_search_by_tpe_is_the_same_with_one_worker(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = []
    for study in "a", "b":
        with open_request([*SEARCH[1:], f"study={study}", "cell=gru", "sweep.trials=3"]) as request:
            found.append(chosen(proposals(request)))
    assert found[0] == found[1]


def test_the_best_are_run_with_seeds_that_no_trial_has_had(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_request([*RANDOM, "seed=3,4", "sweep.trials=1"]) as request:
        work = proposals(request)
        best = work.best()
    assert [job.config["seed"] for job in best] == [5, 6] * 2
    assert [job.tags["rnnexp.sampler_seed"] for job in best] == ["3", "3", "4", "4"]
    assert {job.tags["rnnexp.sampler"] for job in best} == {"random"}
    assert {job.tags["rnnexp.ranges"] for job in best} == {
        "model.dropout=interval(0,0.6); optimizer.lr=tag(log,interval(0.01,4))"
    }
    assert {(job.tags["rnnexp.lr_low"], job.tags["rnnexp.lr_high"]) for job in best} == {("0.01", "4")}
    assert {job.config["train"]["test"] for job in best} == {"end"}
    assert {job.config["train"]["test"] for job in work.jobs} == {"never"}
    assert sorted(job.tags["rnnexp.trial"] for job in work.jobs) == ["1", "1"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (
            ["sweep=search", "sweep.trials=1", f"study={'a' * 196}"],
            f"study={'a' * 196}_best must be at most 200",
        ),
        (["sweep=search", "sweep.trials=1", f"seed={2**63 - 5}"], f"seed={2**63} must be from 0"),
        (["sweep=search", "sweep.sampler=grid"], "sweep.sampler=grid must be random or tpe"),
        (["sweep=search", "sweep.storage=foo"], "sweep.storage=foo is no address of a store"),
        (["sweep=search", "optimizer.lr=tag(log,interval(0,3))"], "greater than 0"),
        (["sweep=search", "seed=interval(0,9)"], "seed=interval(0,9): the best seed is luck"),
        (["sweep=grid", "sweep.trials=3"], "sweep.trials has nothing to search over: give a range, "),
        (["optimizer.lr=1,2", "sweep.trials=3"], "values and choices alone are a grid"),
        (["sweep=search", "sweep.trials=0"], "sweep.trials=0"),
        (["sweep=search", "sweep.pruner=axe"], "median, hyperband or null"),
        (["sweep=search", "optimizer.lr=interval(4,1)"], "optimizer.lr"),
        (
            ["sweep=search", "cell=lstm", "train.batch_size=1000000", "sweep.trials=2"],
            "2 of 2 jobs failed",
        ),
    ],
)
def test_a_mistake_in_a_search(in_process, arguments, part):
    result = in_process("-m", *QUICK[-6:], *arguments)
    assert result.returncode == 1
    assert part in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_a_signal_without_a_name_ends_a_job_as_others_do():
    job = Job("a", {}, folder=None)
    assert job.reason(-signal.SIGKILL) == "killed by SIGKILL"
    assert job.reason(-40) == "killed by signal 40"
