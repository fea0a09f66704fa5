"""A tracker that hands everything to a process of its own and waits for it only when the run has ended."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from typing import Any

from rnnexp.tracking.sender import messages, say

log = logging.getLogger(__name__)


class Sender:
    """The other process, seen from the run's."""

    def __init__(self, *command: str):
        self.done, self.over = Event(), False
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,  # Ctrl-C is for the run: it says what is to be sent then
        )
        self.listener = Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self) -> None:
        assert self.process.stdout
        try:
            for message in messages(self.process.stdout.fileno()):
                if message is None:
                    self.done.set()
                else:
                    log.warning("%s", message)
            status = self.process.wait()
            log.warning(
                f"the process that sends the records ended, with status {status}: the run goes on, they are "
                "in its records.jsonl, and resume=FOLDER sends them"
            )
        finally:
            self.over = True
            self.done.set()

    def call(self, name: str, *arguments: Any) -> None:
        assert self.process.stdin
        say(self.process.stdin.fileno(), [name, arguments])

    def wait(self) -> None:
        """Until a run's last call is carried out, or never will be."""
        self.done.wait()
        self.done.clear()


class Background:
    """Has another process send what a run records; a store that does not answer holds no step of it up.

    Parameters
    ----------
    uri, study, folder : as of `MlflowTracker`.
    """

    sender: Sender | None = None  # serves one run of this process after the other: MLflow is imported once
    command = sys.executable, "-P", "-m", "rnnexp.tracking.sender"

    def __init__(self, uri: str, study: str, folder: Path):
        self.opening = uri, study, str(folder)

    def start(self, params, tags, records):
        if not Background.sender or Background.sender.over:
            Background.sender = Sender(*self.command)
        self.mine = Background.sender
        self.mine.call("open", *self.opening)
        self.mine.call("start", params, tags, records)

    def epoch(self, record):
        self.mine.call("epoch", record)

    def finish(self, status, metrics, tags, artifacts):
        self.mine.call("finish", status, metrics, tags, [str(path) for path in artifacts])
        self.mine.wait()
