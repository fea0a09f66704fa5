"""Whose a run is: a live one is not stolen, a dead one not kept, and who stands in the way is named."""

import errno
import json
import os
import time
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from filelock import FileLock

from rnnexp.errors import UserError
from rnnexp.records import files, lease
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


def test_a_heart_that_beats_in_the_future_lives(folder, monkeypatch):
    monkeypatch.setattr(lease, "HEARTBEAT_S", 5)
    put(folder, -3000, host="another")
    state = folder.state()
    os.utime(folder.state_file, (time.time() + 3005,) * 2)
    assert folder.alive(state)


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
