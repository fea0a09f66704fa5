"""Tell another process of new records, which it delivers, and wait for it only at the end."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

from rnnexp.tracking.base import Tracker
from rnnexp.tracking.worker import lines, say

log = logging.getLogger(__name__)


class Client(Protocol):
    """Offer what a run or a sweep calls when there is something to deliver."""

    def changed(self, folder: Path) -> None:
        """Announce that there is something new in a run folder."""

    def wait(self) -> None:
        """Wait until all that is new is delivered, or cannot be."""


def for_tracker(tracker: Tracker | None) -> Client:
    """Return the client of a run that has this tracker."""
    return WorkerClient() if tracker else NullClient()


class NullClient:
    """Ignore what it is told, so that no caller has to ask whether there is a tracker."""

    def changed(self, folder: Path) -> None:
        """Do nothing."""

    def wait(self) -> None:
        """Do nothing."""


class WorkerClient:
    """Start and direct the process that delivers the records of a run or a sweep, by any tracker."""

    command = sys.executable, "-P", "-m", "rnnexp.tracking.worker"

    process: subprocess.Popen | None = None  # started when there is something to deliver

    def start(self) -> None:
        """Start the process, and listen to it."""
        self.done = Event()
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,  # Ctrl-C is for the run: it says what is to be delivered then
        )
        self.listener = Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self) -> None:
        """Log the warnings of the process, until it ends."""
        assert self.process
        assert self.process.stdin
        assert self.process.stdout
        try:
            for line in lines(self.process.stdout.fileno()):
                message = json.loads(line)
                if message is None:
                    self.done.set()
                else:
                    log.warning("%s", message)
            status = self.process.wait()
            if not self.process.stdin.closed:
                log.warning(
                    f"the process that delivers the records ended, with status {status}: the run goes on, "
                    "they are in its records.jsonl, and rnnexp sync FOLDER delivers them"
                )
        finally:
            self.done.set()

    def changed(self, folder: Path) -> None:
        """Announce that there is something new in a run folder."""
        if not self.process:
            self.start()
        assert self.process
        assert self.process.stdin
        say(self.process.stdin.fileno(), str(folder).encode())

    def wait(self) -> None:
        """Wait until all that is new is delivered, or cannot be."""
        if not self.process:
            return
        assert self.process.stdin
        self.done.clear()
        if self.process.poll() is None:
            say(self.process.stdin.fileno(), b"")
            self.done.wait()
