"""Let one process at a time write a run folder, which shows by a heartbeat that it lives."""

import errno
import json
import os
import socket
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from inspect import signature
from pathlib import Path
from typing import Any

import psutil
from filelock import BaseFileLock, FileLock, Timeout

from rnnexp.errors import Superseded, UserError, explained
from rnnexp.output import safe
from rnnexp.records import reading
from rnnexp.records.files import ELSEWHERE, FULL, make_folder, overwrite, replace_text, require_own
from rnnexp.records.processes import has_gone, namespace

WITHOUT_LOCKS = errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP  # what such a file system answers
# From its version 3.30 on filelock would leave a mark instead, which a killed process never takes away.
NO_MARK: dict[str, Any] = (
    {"fallback_to_soft": False} if "fallback_to_soft" in signature(BaseFileLock.__init__).parameters else {}
)
HEARTBEAT_S = 5.0
LEASE_S = 60.0  # without a heartbeat for so long, a process counts as dead, wherever it runs
REQUIRED = "number", "pid", "born", "host", "status", "started", "ended", "error"  # entries of state.json
FORMAT = 1  # of run folders; one more when a program that knows only this one would misread a folder


class InUse(UserError):
    """Say that another process is at the run."""


class LeasedFolder:
    """Guard a folder that any process may read, and only the process that holds it may write.

    A process that claims the folder gets a number, one more than the last. It looks that number up before each
    write, under a lock. A process that was suspended for so long that another has taken over its run finds that
    out there, and writes no more.
    """

    def __init__(self, path: Path):
        self.path = path
        self.lock = FileLock(path / ".lock", timeout=LEASE_S, **NO_MARK)
        self.state_file = path / "state.json"
        self.result_file = path / "result.json"
        self.traceback_file = path / "traceback.txt"
        self.number: int | None = None  # of this claim
        self.lost = threading.Event()

    def __str__(self) -> str:
        """Return the path as a user would write it: relative where it lies below the current folder."""
        here = Path.cwd()
        return str(self.path.relative_to(here) if self.path.is_relative_to(here) else self.path)

    @contextmanager
    def claimed(self, wait: bool = False) -> Iterator[None]:
        """Hold the folder within the context, where this process alone writes it.

        Parameters
        ----------
        wait : whether to wait until another process that holds the folder has ended.

        Raises
        ------
        InUse where another process holds the folder, and `wait` is false. UserError where a newer program has
        written it, or it holds links.
        """
        require_own(self.path)
        self.state()  # refuses a newer folder before it is touched
        make_folder(self.path, ELSEWHERE)
        while not self.claim():
            if not wait:
                owner = self.state()
                raise InUse(f"{self} is in use: process {owner['pid']} on {owner['host']} is at this run")
            time.sleep(0.2)
        ended = threading.Event()
        heart = threading.Thread(target=self.heartbeat, args=[ended], daemon=True)
        heart.start()
        try:
            yield
        finally:
            ended.set()
            heart.join()
            with suppress(UserError, OSError):
                if self.state().get("status") == "RUNNING":
                    self.end("FINISHED" if self.result_file.exists() else "KILLED")
            self.number = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from the folder within the context.

        Raises
        ------
        InUse where one has kept the lock for so long that it must hang: it is named, for nobody can do without it.
        UserError where files cannot be locked.
        """
        try:
            self.lock.acquire()
        except Timeout:
            owner = self.state()
            who = f"process {owner['pid']} on {owner['host']}" if owner else "a process"
            raise InUse(
                f"{self} has been locked for {LEASE_S:g} s: {who} is suspended or hangs in a write; let it go on or "
                f"end it (kill -9 {owner.get('pid', 'PID')}), then give the command again"
            ) from None
        except (NotImplementedError, OSError) as error:
            # before its version 3.30 filelock has the first for ENOSYS
            if isinstance(error, OSError) and error.errno not in WITHOUT_LOCKS:
                raise
            raise UserError(
                f"{self} lies where files cannot be locked, as on some NFS mounts: give the command in a folder of "
                "another file system, or have this one mounted with locks"
            ) from error
        try:
            yield
        finally:
            self.lock.release()

    def claim(self) -> bool:
        """Take the folder, unless a living process holds it; return whether it was taken."""
        seen = self.state()
        if seen.get("status") == "RUNNING" and self.alive(seen):
            return False
        with self.locked():
            state = self.state()
            # another was first, or gave a sign of life
            if state.get("status") == "RUNNING" and state != seen:
                return False
            if "key" not in state or self.is_copy(state):
                state["key"] = new_key()
                self.begin_anew(copied="number" in state and "folder" in state)
            if state.get("folder", "") not in ("", str(self.path.resolve())):
                self.keep_paths()
            self.number = state.get("number", 0) + 1
            process, host = psutil.Process(), socket.gethostname()
            state |= {"number": self.number, "pid": process.pid, "born": process.create_time(), "host": host}
            state |= {"namespace": namespace(), "folder": str(self.path.resolve())}
            if not self.result_file.exists():
                state |= {"status": "RUNNING", "ended": None, "error": None}
            self.write_state({"started": now()} | state)
            return True

    def is_copy(self, state: dict[str, Any]) -> bool:
        """Return whether the folder is a copy of one that is still where this says that it is."""
        folder = state.get("folder", "")
        if not folder or Path(folder) == self.path.resolve():
            return False
        try:
            original = reading.from_json(Path(folder) / self.state_file.name) or {}
        except reading.Damaged:
            return False
        return original.get("key") == state.get("key")

    def keep_paths(self) -> None:
        """Act on that the folder was moved, before this is forgotten."""

    def begin_anew(self, copied: bool) -> None:
        """Take note that the folder holds a new run; where it was copied, forget what was of the original."""

    def heartbeat(self, ended: threading.Event) -> None:
        """Touch state.json every few seconds, as `exclusive` does in the end, until `ended` is set."""
        while not ended.wait(HEARTBEAT_S):
            with suppress(OSError, UserError), self.exclusive():
                pass

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep others from taking the folder over within the context; Superseded where one has, or removed it."""
        if not self.path.is_dir():  # which the lock would make anew
            raise self.superseded("removed while the run went on")
        with self.locked():
            state = self.state()
            if not state:
                raise self.superseded("emptied while the run went on")
            if state.get("number") != self.number:
                raise self.superseded(
                    f"taken over by another process: this one gave no sign for {LEASE_S:g} s"
                )
            yield
            with suppress(OSError):
                os.utime(self.state_file)  # a sign of life

    def superseded(self, how: str) -> Superseded:
        """Return the error of a process that holds the folder no longer."""
        self.lost.set()
        return Superseded(f"{self} was {how}")

    def raise_if_lost(self) -> None:
        """Raise Superseded where a write or the heartbeat has found the folder taken over."""
        if self.lost.is_set():
            with self.exclusive():
                pass

    def alive(self, state: dict[str, Any]) -> bool:
        """Return whether the process that wrote a state still runs.

        Where its number can be looked up, it has ended once there is none such. Else its heartbeat counts. One from
        the future, or an old one of a process that is there, counts where another follows: clocks go wrong, and are
        set. (Of a process that cannot be looked up an old one is taken for its last.)
        """
        gone = has_gone(state)
        age = time.time() - state["heartbeat"]
        if gone or abs(age) < LEASE_S:
            return not gone
        if gone is None and age > 0:
            return False
        until = time.monotonic() + 2 * HEARTBEAT_S
        while time.monotonic() < until:
            time.sleep(HEARTBEAT_S / 50)
            with suppress(FileNotFoundError):
                if self.state_file.stat().st_mtime != state["heartbeat"]:
                    return True
        return False

    def end(self, status: str, error: BaseException | None = None) -> None:
        """Record how the run ended, with which status and error."""
        with self.exclusive():
            with suppress(OSError):  # of a full disk; the state counts for more
                self.traceback_file.unlink(missing_ok=True)
                if error:
                    replace_text(self.traceback_file, safe("".join(traceback.format_exception(error))))
            said = explained(error) if error else None
            if error and type(error) is not UserError:
                said = f"{type(error).__name__}: {said}"
            self.write_state(self.state() | {"status": status, "ended": now(), "error": said})

    def mark_dead(self) -> None:
        """Correct the state of a run whose process ended without recording its status, or recorded a wrong one."""
        state = self.state()
        if right := self.corrected_state(state):
            with self.locked():
                if self.state() == state:  # else another process was first, or gave a sign of life
                    self.write_state(state | right)

    def corrected_state(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the corrected entries of a state; empty where all are right."""
        dead = state.get("status") == "RUNNING" and not self.alive(state)
        finished = state.get("status") in ("KILLED", "FAILED") and self.result_file.exists()
        if not dead and not finished:
            return {}
        status = "FINISHED" if self.result_file.exists() else "KILLED"
        return {
            "number": state["number"] + 1,
            "status": status,
            "ended": state["ended"] or int(1000 * state["heartbeat"]),
        }

    def state(self) -> dict[str, Any]:
        """Return what state.json says, and its time in seconds since 1970 as `heartbeat`; empty where there is none.

        Raises
        ------
        UserError where state.json is damaged, or a newer program has written the folder in a format that this
        one does not know.
        """
        try:
            state = reading.from_json(self.state_file, REQUIRED)
            if state is None:
                return {}
            state["heartbeat"] = self.state_file.stat().st_mtime
        except reading.Damaged as error:
            raise UserError(f"{error}; remove it if no process is at this run, which then goes on") from error
        if (found := state.get("format", 1)) > FORMAT:
            raise UserError(
                f"{self} is a run folder of format {found}, and this rnnexp knows {FORMAT} at most: "
                "take the version that wrote it, or a newer one"
            )
        return state

    def write_state(self, state: dict[str, Any]) -> None:
        """Replace state.json."""
        kept = {key: value for key, value in state.items() if key != "heartbeat"}
        text = json.dumps({"format": FORMAT} | kept) + "\n"
        try:
            replace_text(self.state_file, text)
        except OSError as error:
            if error.errno not in FULL or not self.state_file.exists():
                raise
            overwrite(self.state_file, text)


def new_key() -> str:
    """Return a key by which stores tell a run from all others."""
    return uuid.uuid4().hex


def now() -> int:
    """Return the time in milliseconds since 1970, as MLflow counts."""
    return int(1000 * time.time())
