"""Whose a run is: a live one is not stolen, a dead one not kept, and who stands in the way is named."""

import errno
import json
import os
import shutil
import threading
import time
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from filelock import FileLock

from rnnexp.errors import Superseded, UserError
from rnnexp.records import files, lease, system
from rnnexp.records.folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with folder.claimed():
        pass
    return folder


def put(folder, age=0.0, **entries):
    """The state of a run that another process is at; a container's processes are told apart by `namespace`."""
    state = json.loads(folder.state_file.read_text()) | {"status": "RUNNING", "ended": None} | entries
    folder.state_file.write_text(json.dumps(state))
    os.utime(folder.state_file, (time.time() - age,) * 2)


NOBODY = 2**22 + 1  # no process has this number


@pytest.mark.parametrize(
    ("entries", "age", "lives"),
    [
        ({"pid": NOBODY}, 0, False),
        ({"pid": NOBODY, "namespace": "another"}, 0, True),  # where its number means nothing
        ({"pid": NOBODY, "namespace": "another"}, 100, False),
        ({"pid": NOBODY, "host": "another"}, 0, True),
        (
            {"pid": os.getpid(), "born": 5.0},
            0,
            True,
        ),  # clocks are set, and then it seems to be born at another time
        ({"pid": os.getpid()}, 100, False),
        ({"pid": os.getpid()}, -3000, False),  # from the future, and no other follows
    ],
)
def test_who_lives(folder, monkeypatch, entries, age, lives):
    monkeypatch.setattr(lease, "HEARTBEAT_S", 0.1)
    put(folder, age, **entries)
    assert folder.alive(folder.state()) == lives
    if lives:
        with pytest.raises(UserError, match="is in use"), folder.claimed():
            pass


@pytest.mark.parametrize(("age", "owner"), [(-3000, {"host": "another"}), (100, {"pid": os.getpid()})])
def test_a_heart_that_goes_on_beating_lives_whatever_the_clock_shows(folder, monkeypatch, age, owner):
    monkeypatch.setattr(lease, "HEARTBEAT_S", 5)
    put(folder, age, **owner)
    state = folder.state()
    os.utime(folder.state_file, (time.time() - age + 5,) * 2)
    assert folder.alive(state)


def test_a_long_write_ends_with_a_heartbeat(folder):
    with folder.claimed():
        with folder.exclusive():  # which the heart needs too
            os.utime(folder.state_file, (5, 5))
        assert time.time() - folder.state()["heartbeat"] < lease.LEASE_S


def test_a_sign_of_life_while_another_waits_for_the_lock_counts(folder, monkeypatch):
    def dies_and_beats(state):
        os.utime(folder.state_file)
        return False

    monkeypatch.setattr(folder, "alive", dies_and_beats)
    put(folder, 100, host="another")
    assert not folder.claim()
    put(folder, 100, host="another")
    folder.mark_dead()
    assert folder.state()["status"] == "RUNNING"


@pytest.mark.parametrize(("remove", "how"), [(shutil.rmtree, "removed"), (os.unlink, "emptied")])
def test_a_folder_that_is_removed_during_a_run_ends_it_and_stays_so(folder, remove, how):
    removed = folder.path if how == "removed" else folder.state_file
    with folder.claimed():
        remove(removed)
        with pytest.raises(Superseded, match=f"run was {how} while the run went on"):
            folder.save_tags({})
    assert folder.lost.is_set()
    assert not removed.exists()


def test_two_processes_that_label_a_run_at_once_leave_one_label(tmp_path):
    failed = []

    def label(start):
        for number in range(40):
            (tmp_path / str(number)).mkdir(exist_ok=True)
            start.wait()
            try:
                RunFolder(tmp_path / str(number)).give_label({"name": "x" * 1000})
            except OSError as error:
                failed.append(error)

    start = threading.Barrier(2)
    threads = [threading.Thread(target=label, args=[start]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert not list(tmp_path.rglob("*.part"))


def test_what_the_machine_does_is_left_out_while_another_keeps_the_lock(folder, monkeypatch):
    with folder.claimed():
        monkeypatch.setattr(folder, "exclusive", Mock(side_effect=lease.InUse("locked")))
        with system.recorded(folder, every_s=0.01):
            time.sleep(0.05)
        assert folder.exclusive.call_count > 1
        monkeypatch.undo()


def test_a_process_that_hangs_in_a_write_is_named(folder, monkeypatch):
    put(folder, pid=4711)
    folder.lock = FileLock(folder.path / ".lock", timeout=0.2)
    with FileLock(folder.path / ".lock"), pytest.raises(lease.InUse, match=r"process 4711 .*kill -9 4711"):
        folder.claim()


def test_a_full_disk_names_the_file_and_leaves_a_state(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    full = []

    def fsync(file):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fsync)
    with folder.claimed():
        full.append(True)
        with pytest.raises(OSError, match="No space left") as caught:
            folder.save_tags({})
        assert caught.value.filename == str(folder.tags_file)
        folder.end("FAILED", caught.value)
    assert folder.state()["status"] == "FAILED"
    assert str(folder.tags_file) in folder.state()["error"]
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    "said", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError("no flock")]
)
def test_a_file_system_without_locks_is_refused(folder, monkeypatch, said):
    monkeypatch.setattr(folder, "lock", SimpleNamespace(acquire=Mock(side_effect=said)))
    with (
        pytest.raises(UserError, match="run lies where files cannot be locked, as on some NFS"),
        folder.claimed(),
    ):
        pass
    monkeypatch.setattr(folder.lock, "acquire", Mock(side_effect=PermissionError(errno.EACCES, "no")))
    with pytest.raises(PermissionError), folder.claimed():
        pass
