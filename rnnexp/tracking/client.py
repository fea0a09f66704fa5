"""Tell another process of new records, which it delivers, and wait for it only at the end."""

import json
import logging
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

from rnnexp.installation import python_path
from rnnexp.tracking.base import TIMEOUT_S, Tracker
from rnnexp.tracking.worker import lines

log = logging.getLogger(__name__)


class Client(Protocol):
    """Offer what a run or a sweep calls when there is something to deliver."""

    def changed(self, folder: Path) -> None:
        """Announce that there is something new in a run folder."""

    def wait(self) -> None:
        """Wait until all that is new is delivered, or cannot be."""


def for_tracker(tracker: Tracker | None) -> Client:
    """Return the client of a run that has this tracker."""
    return WorkerClient(tracker.timeout) if tracker else NullClient()


class NullClient:
    """Ignore what it is told, so that no caller has to ask whether there is a tracker."""

    def changed(self, folder: Path) -> None:
        """Do nothing."""

    def wait(self) -> None:
        """Do nothing."""


class WorkerClient:
    """Start and direct the process that delivers the records of a run or a sweep, by any tracker.

    Parameters
    ----------
    timeout : seconds that `wait` takes at most.
    """

    command = sys.executable, "-P", "-m", "rnnexp.tracking.worker"

    process: subprocess.Popen | None = None  # started when there is something to deliver

    def __init__(self, timeout: float = TIMEOUT_S):
        self.timeout = timeout
        self.unsaid: dict[bytes, None] = {}  # lines for which the pipe had no room, in order
        self.folders: set[str] = set()
        self.given_up = False

    def start(self) -> None:
        """Start the process, and listen to it."""
        self.done = Event()
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=os.environ | {"PYTHONPATH": python_path()},
            start_new_session=True,  # Ctrl-C is for the run: it says what is to be delivered then
        )
        assert self.process.stdin
        # a process that stands still must not stop the run
        os.set_blocking(self.process.stdin.fileno(), False)
        self.listener = Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self) -> None:
        """Log the warnings of the process, until it ends."""
        process = self.process
        assert process
        assert process.stdin
        assert process.stdout
        try:
            for line in lines(process.stdout.fileno()):
                message = json.loads(line)
                if message is None:
                    self.done.set()
                else:
                    log.warning("%s", message)
            status = process.wait()
            if not process.stdin.closed and not self.given_up:
                log.warning(
                    f"the process that delivers the records ended, with status {status}: the run goes on, "
                    "they are in its records.jsonl, and rnnexp sync FOLDER delivers them"
                )
        finally:
            process.stdout.close()
            self.done.set()

    def changed(self, folder: Path) -> None:
        """Announce that there is something new in a run folder."""
        if not self.process:
            self.start()
        self.folders.add(str(folder))
        self.say(str(folder).encode())

    def say(self, line: bytes) -> bool:
        """Tell the process a line, and those before for which there was no room; return whether there was now."""
        assert self.process
        assert self.process.stdin
        self.unsaid[line] = None
        while self.unsaid:
            first = next(iter(self.unsaid))
            try:
                os.write(self.process.stdin.fileno(), first + b"\n")  # all of it or nothing: it is short
            except BlockingIOError:
                return False
            except BrokenPipeError:  # the process has gone, which `listen` says
                pass
            del self.unsaid[first]
        return True

    def wait(self) -> None:
        """Wait until all that is new is delivered, or cannot be, or took too long: then it is left for later."""
        if not self.process:
            return
        until = time.monotonic() + self.timeout
        self.done.clear()
        if self.process.poll() is not None:
            return
        while not self.say(b"") and time.monotonic() < until:
            time.sleep(0.05)
        if not self.done.wait(max(until - time.monotonic(), 0)):
            self.give_up()
            return
        assert self.process.stdin
        self.process.stdin.close()  # by which it ends, so that many runs of one program do not leave as many
        self.process = None  # the next change starts another

    def give_up(self) -> None:
        """End the process, whatever it waits for, and say how its records are delivered later."""
        assert self.process
        self.given_up = True
        self.process.kill()
        self.process.wait()
        parents = {str(Path(folder).parent) for folder in self.folders}
        where = shlex.join(self.folders if len(self.folders) == 1 else sorted(parents))
        log.warning(
            f"the store did not take the records within tracking.timeout={self.timeout:g} s: all is in the run folder, "
            f"and rnnexp sync {where} delivers it later"
        )
