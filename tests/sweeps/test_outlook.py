"""How long a sweep will take: from jobs that have finished, of each shape apart."""

import io
import json
import sys
from types import SimpleNamespace

import pytest

from rnnexp.experiment import progress
from rnnexp.output import duration
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps import scheduler
from rnnexp.sweeps.job import Job
from rnnexp.sweeps.outlook import Outlook, shape, size
from tests.conftest import QUICK


def job(tmp_path, cell="gru", lr=1.0, seed=0, hidden_size=8):
    config = {
        "cell": {"name": cell},
        "optimizer": {"lr": lr},
        "seed": seed,
        "model": {"hidden_size": hidden_size},
    }
    return Job(f"{cell} {lr} {seed}", config, RunFolder(tmp_path / f"{cell}{lr}{seed}{hidden_size}"))


def test_jobs_of_a_shape_take_as_long_as_each_other(tmp_path):
    assert shape(job(tmp_path)) == shape(job(tmp_path, lr=3.0, seed=2))
    assert len({shape(job(tmp_path, **one)) for one in ({}, {"cell": "lstm"}, {"hidden_size": 9})}) == 3


def test_what_is_left_is_told_from_what_has_finished(tmp_path):
    outlook = Outlook()
    waiting = [job(tmp_path, seed=1), job(tmp_path, "lstm", seed=1), job(tmp_path, "rnn")]
    assert outlook.seconds_left(waiting, []) is None
    assert outlook.bytes_left(3) == 0
    done = job(tmp_path)
    done.folder.path.mkdir()
    (done.folder.path / "last.npz").write_bytes(bytes(3000))
    assert outlook.note(done, 10.0)
    assert not outlook.note(job(tmp_path, lr=2.0), 20.0), "the second of its shape"
    before = job(tmp_path, "lstm")
    before.folder.path.mkdir()
    records = [{"epoch": epoch, "epoch_s": 20.0} for epoch in (1, 2)]
    before.folder.records_file.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    assert outlook.note(before), "one that finished before counts by its epochs"
    assert outlook.seconds_left(waiting[:1], []) == 15
    assert outlook.seconds_left(waiting[1:2], []) == 40
    unknown = (15 + 40) / 2
    assert outlook.seconds_left(waiting, [], more=1) == 15 + 40 + 2 * unknown
    assert outlook.seconds_left([], [(waiting[0], 5.0, 0.5), (waiting[1], 50.0, 0.9)]) == 10
    assert 0 < outlook.bytes_left(2) <= 2 * 3000


def test_before_any_has_finished_those_that_run_tell_the_pace(tmp_path):
    outlook, running, waiting = Outlook(), job(tmp_path), job(tmp_path, seed=1)
    assert outlook.seconds_left([waiting], [(running, 3.0, 0.001)]) is None, "too early"
    assert outlook.seconds_left([waiting], [(running, 30.0, 0.1)]) == 300 + 270
    assert outlook.seconds_left([waiting, job(tmp_path, "lstm")], [(running, 30.0, 0.1)]) == 300 + 300 + 270


def test_a_job_tells_where_it_stands_and_what_it_has_done_itself(tmp_path):
    path = tmp_path / "1.json"
    assert str(progress.reported(path)) == "starts"
    progress.JobReport(path, 0, 200)
    assert str(progress.reported(path)) == "starts"
    report = progress.JobReport(path, 100, 200)  # it goes on
    report.step(110)
    report.measured({"train/ppl": 369.21})
    report.close()
    assert progress.reported(path) == (0.55, 0.05, "train ppl 369.2")
    assert str(progress.reported(path)) == "55%, train ppl 369.2"


def test_about_how_much_in_words():
    assert [duration(s) for s in (42, 150, 7200)] == ["42 s", "2 min", "2.0 h"]
    assert [size(n) for n in (2_500_000, 3_000_000_000)] == ["2.5 MB", "3.0 GB"]


@pytest.mark.parametrize(("jobs", "said"), [(10, []), (1200, [12, 492, 972])])
def test_in_a_pipe_the_count_is_said_soon_and_then_each_minute(monkeypatch, capfd, jobs, said):
    """An eighth of a second a job; of a few jobs it is not said."""
    now = [0.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    for number, job in enumerate(progress.counted(range(jobs), "checked")):
        assert job == number
        now[0] += 0.125
    assert capfd.readouterr() == ("".join(f"checked {number} of 1,200 jobs\n" for number in said), "")


def test_on_a_terminal_the_count_runs_on_in_one_line(monkeypatch, capfd):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(progress, "FIRST_S", 0.0)
    with monkeypatch.context() as within:
        within.setattr(sys, "stderr", terminal)
        assert list(progress.counted(range(1200), "checked")) == list(range(1200))
    assert "checked 0 of 1,200 jobs\r" in terminal.getvalue().replace("\r\r", "\r") + "\r"
    assert "\n" not in terminal.getvalue()
    assert capfd.readouterr().out == ""


def test_a_sweep_says_how_many_jobs_it_has_checked(in_process, monkeypatch):
    for name in "FIRST_S", "LINE_S", "FEW":
        monkeypatch.setattr(progress, name, 0)
    said = in_process("-m", *QUICK, "seed=0,1,2", "sweep.prepare=true").stdout
    for done in "checked", "checked the model of", "prepared":
        assert [f"{done} {number} of 3 jobs" in said for number in (0, 1, 2, 3)] == [False, True, True, False]


def test_a_sweep_says_what_there_is_to_do_and_how_far_it_is(in_process, monkeypatch):
    monkeypatch.setattr(progress, "LINE_S", 0.0)
    monkeypatch.setattr(scheduler, "WORTH_SAYING_S", -1.0)
    few = ["-m", *QUICK, "engine=numpy", "train.max_steps=3", "sweep.workers=1"]
    first = in_process(*few, "seed=0").stdout.splitlines()
    assert first[0] == "1 job to do, 1 at a time"
    assert any(line.startswith("what is left takes some ") for line in first), "after the first of its shape"
    lines = in_process(*few, "seed=0,1,2").stdout.splitlines()
    assert lines[1].startswith(
        "2 jobs to do, 1 at a time (1 of 3 have ended before); what is left takes some "
    )
    assert lines[1].endswith(" MB of disk")
    assert any(line.startswith("after ") and " of 3 jobs have ended; " in line for line in lines)
