"""`rnnexp status` says how runs stand, by their folders alone, and changes nothing."""

import json
import os
import socket
import time

import pytest

from rnnexp.cli import status
from rnnexp.cli.status import look
from rnnexp.errors import UserError
from rnnexp.records.folder import RunFolder
from tests.conftest import QUICK
from tests.experiment.test_configs import composed

RECORDS = [{"epoch": 1, "valid/ppl": 90.0}, {"epoch": 2, "valid/ppl": 87.5}, {"epoch": 3, "valid/ppl": 88.25}]


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes a run folder whose process is this one, or has ended."""
    monkeypatch.chdir(tmp_path)
    config = composed(*QUICK, "train.max_epochs=7")

    def folder(study, name, ends=None, error=None, records=(), result=False):
        made = RunFolder(tmp_path / "runs" / study / name)
        claim = made.claimed()
        claim.__enter__()
        made.save_config(config)
        for record in records:
            made.append(record)
        if result:
            made.result_file.write_text(json.dumps({"best/valid_ppl": 87.5, "best/epoch": 2}))
        if ends:
            made.end(ends, error)
            claim.__exit__(None, None, None)
        else:
            held.append(claim)
        return made

    held = []
    yield folder
    for claim in held:
        claim.__exit__(None, None, None)


def contents(path):
    return {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in path.rglob("*") if file.is_file()}


def test_every_fate_is_counted_and_nothing_is_changed(make, tmp_path):
    make("a", "gru_1", "FINISHED", result=True)
    make("a", "gru_2", "FAILED", UserError("there is no such file"))
    make("a", "gru_3", "KILLED", records=RECORDS)
    make("a", "gru_4", "KILLED", result=True)  # its last word did not come through
    pruned = make("b", "lstm_1", "KILLED")
    pruned.tags_file.write_text('{"rnnexp.pruned": "true"}')
    dead = make("b", "lstm_2", "FAILED")
    dead.state_file.write_text(dead.state_file.read_text().replace('"FAILED"', '"RUNNING"'))
    gone = {"pid": 2**22 + 1, "namespace": "elsewhere", "host": "another"}
    dead.state_file.write_text(json.dumps(json.loads(dead.state_file.read_text()) | gone))
    os.utime(dead.state_file, (1, 1))  # its heartbeat
    RunFolder(tmp_path / "runs/b/lstm_3").prepare(composed(*QUICK))
    make("b", "lstm_4", "FAILED").state_file.write_text("{")
    (tmp_path / "runs/artifacts/b/1/config.yaml").parent.mkdir(parents=True)
    (tmp_path / "runs/artifacts/b/1/config.yaml").touch()  # what MLflow keeps is no run
    before = contents(tmp_path)
    lines, are_running = look([tmp_path / "runs"])
    assert contents(tmp_path) == before
    assert not are_running
    head, *rows = (line.split() for line in lines[:4])
    found = {row[0]: dict(zip(head[1:], row[1:])) for row in rows}
    assert head[:-1] == ["study", "finished", "failed", "interrupted", "pruned", "prepared", "damaged"]
    assert [found["a"][name] for name in ("finished", "failed", "interrupted", "damaged")] == list("2110")
    names = ("finished", "interrupted", "pruned", "prepared", "damaged")
    assert [found["b"][name] for name in names] == list("01111")
    assert found["together"]["finished"] == "2"
    assert "failed: runs/a/gru_2: there is no such file" in lines
    assert any(line.startswith("damaged: runs/b/lstm_4: ") for line in lines)


def test_who_is_at_a_run_and_how_far_it_is(make, tmp_path):
    begun = make("a", "gru_1")
    begun.give_label({"name": "gru seed=3"})
    make("a", "gru_2", records=RECORDS)
    lines, are_running = look([tmp_path / "runs"])
    assert are_running
    first, second = lines[-2:]
    assert first.startswith(
        f"runs/a/gru_1 (gru seed=3): process {os.getpid()} on {socket.gethostname()} since "
    )
    assert first.endswith(", in its first epoch")
    assert second.endswith(", 3 of 7 epochs, valid ppl 88.25, best 87.5")
    assert time.strftime("%Y-") in first


def test_it_is_shown_again_until_nothing_runs(make, in_process, monkeypatch):
    run = make("a", "gru_1")
    waits = []

    def wait(seconds):
        waits.append(seconds)
        run.end("FINISHED")

    monkeypatch.setattr(status.time, "sleep", wait)
    result = in_process("status", "live=true", "study=a")
    assert (result.returncode, result.stderr) == (0, "")
    assert waits == [status.IN_A_PIPE_S]
    assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith("study")] == [
        "running",
        "interrupted",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there are no runs in runs"),
        (["study=none"], "study=none has no runs in runs"),
        (["nowhere"], "nowhere is no folder"),
        (["studdy=a"], "studdy=a is not known: did you mean study=?"),
        (["live=perhaps"], "live=perhaps must be true or false"),
    ],
)
@pytest.mark.parametrize("command", ["status", "clean"])
def test_a_mistake_is_one_line(in_process, tmp_path, command, arguments, message):
    (tmp_path / "runs").mkdir()
    if command == "clean" and "live=perhaps" in arguments:
        arguments, message = ["yes=perhaps"], "yes=perhaps must be true or false"
    result = in_process(command, *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"rnnexp {command}: {message}")
