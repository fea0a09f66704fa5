"""The process beside a run or a sweep that delivers the records, so that a store takes no time from training.

It is told of run folders in which something is new, one a line, and of an empty line that all is to be
delivered now; it answers with its warnings, and with null when that is done, each as a line of JSON. When its
input ends, however the process that told it has ended, it sees the runs to their end, and ends too.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from rnnexp import tracking
from rnnexp.records.folder import RunFolder

SLOW_S, RETRY_S = 1.0, 30.0  # a store that takes so long to fail is left alone for so long
GATHER_S = 1.0  # epochs may be shorter than it takes to deliver one
ORPHANS_S = 60.0  # a job takes at most so long to save and end when its sweep is gone


def lines(file: int) -> Iterator[bytes]:
    """Give the lines that the process at the other end of a pipe says, to the end; not one cut short.

    Not by a buffered file: a thread that waits in one holds a lock that Python wants when it ends.
    """
    rest = b""
    while part := os.read(file, 1 << 16):
        *complete, rest = (rest + part).split(b"\n")
        yield from complete


def say(file: int, line: bytes) -> None:
    """Write a line; of a reader that has gone its process takes note otherwise."""
    left = memoryview(line + b"\n")
    with suppress(BrokenPipeError):
        while left:
            left = left[os.write(file, left) :]


class Outbox:
    """What is still to be delivered, and whether the stores take it.

    Parameters
    ----------
    warn : is told once a store when it begins to fail.
    """

    def __init__(self, warn: Callable[[str], None]):
        self.warn = warn
        self.open: dict[str, RunFolder] = {}  # runs that have not ended, or whose end is not delivered
        self.warned: set[str] = set()  # of these stores
        self.rest: dict[str, float] = {}  # store -> until when it is left alone

    def attempt(self, path: str) -> None:
        """Deliver a run folder, unless its store took long to fail a moment ago."""
        folder = self.open.setdefault(path, RunFolder(Path(path)))
        if not folder.config_file.exists():  # it begins in a moment
            return
        uri, began = "", time.monotonic()
        try:
            tracker = tracking.make(folder.load_config()["tracking"])
            uri = tracker.uri if tracker else ""
            if began < self.rest.get(uri, began):
                return
            ended = folder.state().get("ended")
            if tracker:
                tracker.deliver(folder)
            if ended:
                del self.open[path]
        except Exception as error:  # whatever a store, a network or a server can raise
            if uri not in self.warned:
                reason = str(error).strip().partition("\n")[0] or type(error).__name__
                self.warn(
                    f"tracking.uri={uri} does not take the records ({reason}): the run goes on, they are in "
                    f"{folder.records_file}, and rnnexp sync {folder.path.parent} delivers them"
                )
            self.warned.add(uri)
            if time.monotonic() - began > SLOW_S:
                self.rest[uri] = time.monotonic() + RETRY_S

    def flush(self) -> None:
        """Try everything that is open once more."""
        self.rest.clear()
        for path in list(self.open):
            self.attempt(path)

    def see_to_the_end(self) -> None:
        """Deliver the last of runs whose process has gone, or goes now."""
        deadline = time.monotonic() + ORPHANS_S
        while self.open and time.monotonic() < deadline:
            for folder in self.open.values():
                with suppress(OSError):
                    folder.mark_dead()
            if all(folder.state().get("ended", 1) for folder in self.open.values()):
                break
            time.sleep(0.2)
        self.flush()


class Answers(logging.Handler):
    """Hands what is logged to the run, which has the screen and the log file."""

    def __init__(self, answer: Callable[[Any], None]):
        super().__init__(logging.WARNING)
        self.answer = answer

    def emit(self, record: logging.LogRecord) -> None:
        self.answer(record.getMessage())


def serve(told: SimpleQueue, outbox: Outbox, answer: Callable[[Any], None]) -> None:
    """Do what is told, until None; of what comes within a second, each folder once."""
    while True:
        batch = [told.get()]
        until = time.monotonic() + GATHER_S
        with suppress(Empty):
            while batch[-1] and (left := until - time.monotonic()) > 0:
                batch.append(told.get(timeout=left))
        for path in dict.fromkeys(filter(None, batch)):
            outbox.attempt(path)
        if batch[-1] is None:
            outbox.see_to_the_end()
            return
        if batch[-1] == "":
            outbox.flush()
            answer(None)


def main() -> None:
    output = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no answer
    told: SimpleQueue = SimpleQueue()

    def read() -> None:
        for line in lines(0):
            told.put(line.decode())
        told.put(None)

    # always at it, for a pipe holds little and the run must not wait for room in it
    Thread(target=read, daemon=True).start()

    def answer(message: Any) -> None:
        say(output, json.dumps(message).encode())

    logging.getLogger().addHandler(Answers(answer))
    serve(told, Outbox(answer), answer)


if __name__ == "__main__":
    main()
