"""`rnnexp clean` removes what nobody needs, and says it first."""

import os
import shutil
import sys
from io import StringIO

import pytest

from rnnexp.experiment import cleaning
from rnnexp.records.files import replace_text
from rnnexp.records.folder import RunFolder
from tests.conftest import QUICK

LONG_AGO = 1000.0
HEAVY = {"last.npz", "best.npz.previous", "last.npz.previous"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, made once."""
    from rnnexp.experiment import runner, schema
    from tests.experiment.test_configs import composed

    schema.register()
    folder = RunFolder(tmp_path_factory.mktemp("made") / "run")
    runner.run_experiment(composed(*QUICK, "train.max_epochs=3", "engine=numpy"), folder)
    assert {path.name for path in folder.path.iterdir()} >= {"last.npz", "best.npz", "last.npz.previous"}
    return folder.path


@pytest.fixture
def run(finished, tmp_path):
    """The folder of a finished run, which is its own."""
    path = tmp_path / "runs" / "a" / "lstm_seed0"
    shutil.copytree(finished, path)
    return RunFolder(path)


def names(folder):
    return {path.name for path in folder.path.iterdir()}


def make_old(folder):
    os.utime(folder.path, (LONG_AGO, LONG_AGO))


def beginning(tmp_path, name="lstm_seed1", config=None, error="the train split has 3000 tokens"):
    """A run that failed before its first step."""
    folder = RunFolder(tmp_path / "runs" / "a" / name)
    with folder.claimed():
        if config:
            folder.save_config(config)
        folder.end("FAILED", RuntimeError(error))
    make_old(folder)
    return folder


def test_what_can_be_removed_is_said_and_removed_when_told(run, in_process, tmp_path):
    failed = beginning(tmp_path)
    before = names(run)
    for arguments in [], ["study=a"]:
        result = in_process("clean", *arguments)
        assert (result.returncode, result.stderr) == (0, "")
        assert (
            "a: 1 finished run with checkpoints, without which more epochs of it begin anew ("
            in result.stdout
        )
        assert "a: 1 run stopped before the first checkpoint" in result.stdout
        assert "  runs/a/lstm_seed1\n" in result.stdout
        assert result.stdout.endswith("nothing was removed: add yes=true\n")
        assert names(run) == before
    once = in_process("clean")
    assert in_process("clean", "runs", "./runs/../runs", "runs/a").stdout == once.stdout, (
        "a folder counts once"
    )
    assert in_process("clean", "yes=true", "runs", "runs/a").returncode == 0
    assert names(run) == before - HEAVY
    assert not failed.path.exists()
    assert in_process("clean", "yes=true").stdout == "nothing to remove\n"


def test_a_cleaned_run_is_read_as_before(run, in_process):
    def said():
        found = [
            in_process("generate", f"run={run.path}"),
            in_process("evaluate", f"run={run.path}"),
            in_process("status"),
        ]
        assert [result.returncode for result in found] == [0] * 3
        return [result.stdout for result in found[:2]]

    before, result = said(), run.result()
    in_process("clean", "yes=true")
    assert said() == before
    again = in_process("resume", str(run.path))
    assert again.returncode == 0
    assert "has finished: test perplexity" in again.stdout
    assert run.result() == result


@pytest.mark.parametrize(
    ("answer", "is_removed"), [("y\n", True), ("Yes\n", True), ("\n", False), ("no\n", False)]
)
def test_it_asks_on_a_terminal(run, in_process, monkeypatch, answer, is_removed):
    class Terminal(StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    result = in_process("clean")
    assert "remove all of it? [y/N] " in result.stdout
    assert run.checkpoint_file.exists() is not is_removed


def kinds(folder):
    return [waste.kind for waste in cleaning.waste_of(folder)]


def test_what_somebody_needs_stays(run):
    assert kinds(run) == [cleaning.CHECKPOINT]
    with run.claimed():  # as the command does that mends it
        replace_text(run.state_file, run.state_file.read_text().replace('"FINISHED"', '"RUNNING"'))
        assert kinds(run) == []
        (waste,) = [cleaning.made(cleaning.CHECKPOINT, run, [run.checkpoint_file])]
        with pytest.raises(cleaning.UserError, match="in use by now"):
            cleaning.remove(waste)
        replace_text(run.state_file, run.state_file.read_text().replace('"RUNNING"', '"FINISHED"'))
    assert run.checkpoint_file.exists()
    assert kinds(run) == [cleaning.CHECKPOINT]


@pytest.mark.parametrize("file", ["best.npz", "tags.json", "samples.txt", "records.jsonl", "config.yaml"])
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_checkpoint_that_makes_a_file_anew_stays(run, file, damage):
    path = run.path / file
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-20])
    assert kinds(run) == []


def test_a_run_that_can_go_on_stays(run):
    run.result_file.unlink()
    with run.claimed():
        run.end("KILLED")
    make_old(run)
    assert kinds(run) == []


def test_beginnings_that_stay(tmp_path, finished):
    import yaml

    config = yaml.safe_load((finished / "config.yaml").read_text())
    assert kinds(beginning(tmp_path, "failed", config)) == [cleaning.BEGINNING]
    young = beginning(tmp_path, "young")
    os.utime(young.path)
    with_file = beginning(tmp_path, "with_file")
    (with_file.path / "notes.txt").write_text("mine")
    make_old(with_file)
    store = {"name": "mlflow", "uri": "sqlite:///runs/mlflow.db"}
    untold = beginning(tmp_path, "untold", config | {"tracking": store})
    prepared = RunFolder(tmp_path / "runs" / "a" / "prepared")
    prepared.prepare(config)
    make_old(prepared)
    linked = beginning(tmp_path, "linked")
    (linked.path / "rnnexp.log").symlink_to(finished / "rnnexp.log")
    make_old(linked)
    for folder in young, with_file, untold, prepared, linked:
        assert kinds(folder) == [], folder
    untold.deliveries.note("sqlite:///runs/mlflow.db", untold.holds())
    make_old(untold)
    assert kinds(untold) == [cleaning.BEGINNING]


def test_what_a_crash_left_unfinished_goes_once_nobody_goes_on_with_it(run, in_process, tmp_path):
    in_process("clean", "yes=true")
    parts = [run.path / "best.npz.part", tmp_path / "runs/data/ptb.train.txt.77.part"]
    parts[1].parent.mkdir()
    for path in parts:
        path.write_bytes(b"half of it")
    assert in_process("clean", "yes=true").stdout == "nothing to remove\n"
    for path in parts:
        os.utime(path, (LONG_AGO, LONG_AGO))
    result = in_process("clean", "yes=true")
    assert "a: 1 file left unfinished" in result.stdout
    assert not any(path.exists() for path in parts)


def test_nothing_is_removed_where_the_input_is_closed(run, in_process, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    result = in_process("clean")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("nothing was removed: add yes=true\n")
    assert names(run) >= HEAVY


def test_what_has_changed_while_the_user_thought_stays(run, tmp_path, finished):
    (old,) = cleaning.waste_of(beginning(tmp_path))
    shutil.copy(run.checkpoint_file, old.folder.path)  # a process has come, trained, and was stopped
    (checkpoint,) = cleaning.waste_of(run)
    run.result_file.unlink()  # taken up for more epochs, and stopped
    for waste in old, checkpoint:
        with pytest.raises(cleaning.UserError, match="in use by now, or was since"):
            cleaning.remove(waste)
        assert all(path.exists() for path in waste.files)
