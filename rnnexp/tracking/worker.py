"""Deliver the records in a process beside a run or a sweep, so that a store takes no time from training.

Each line of its input is a run folder in which something is new; an empty line asks for everything to be
delivered now. It answers in lines of JSON: its warnings, and null when everything is delivered. When its input
ends, for whatever reason, it delivers the end of each run, then ends too.
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
from rnnexp.errors import UserError, explained
from rnnexp.records.folder import RunFolder

SLOW_S, RETRY_S = 1.0, 30.0  # seconds: a store that takes so long to fail is left alone for so long
GATHER_S = 1.0  # epochs may be shorter than it takes to deliver one
ORPHANS_S = 60.0  # a job takes at most so long to save and end when its sweep is gone


def lines(file: int) -> Iterator[bytes]:
    """Yield the lines from a pipe until it ends, without a last one that was cut short.

    This reads no buffered file: a thread that waits in one holds a lock that Python needs in order to end.
    """
    rest = b""
    while part := os.read(file, 1 << 16):
        *complete, rest = (rest + part).split(b"\n")
        yield from complete


def say(file: int, line: bytes) -> None:
    """Write a line to a pipe; ignore that its reader has gone, which is found out otherwise."""
    left = memoryview(line + b"\n")
    with suppress(BrokenPipeError):
        while left:
            left = left[os.write(file, left) :]


class Outbox:
    """Hold what is still to be delivered, and which stores fail.

    Parameters
    ----------
    warn : called with a message when a store begins to fail, once for each store.
    """

    def __init__(self, warn: Callable[[str], None]):
        self.warn = warn
        self.open: dict[str, RunFolder] = {}  # runs that have not ended, or whose end is not delivered
        self.warned: set[str] = set()  # the failing stores that it has warned of
        self.rest: dict[str, float] = {}  # store -> monotonic time in seconds until which it is left alone

    def attempt(self, path: str) -> None:
        """Deliver a run folder, unless its store took long to fail a moment ago."""
        folder = self.open.setdefault(path, RunFolder(Path(path)))
        if not folder.config_file.exists():  # the run begins in a moment
            return
        uri, began, ended = "", time.monotonic(), None
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
                goes_on = "" if ended else "the run goes on, "
                reason = explained(error)
                self.warn(
                    f"tracking.uri={uri} does not take the records ({reason}): {goes_on}they are in "
                    f"{folder.records_file}, and rnnexp sync {folder.path.parent} delivers them"
                )
            self.warned.add(uri)
            if time.monotonic() - began > SLOW_S:
                self.rest[uri] = time.monotonic() + RETRY_S

    def flush(self) -> None:
        """Try once more to deliver everything that is open."""
        self.rest.clear()
        for path in list(self.open):
            self.attempt(path)

    def see_to_the_end(self) -> None:
        """Deliver the end of runs whose process has gone, or goes now."""
        deadline = time.monotonic() + ORPHANS_S
        while self.open and time.monotonic() < deadline:
            # of all, not up to the first that goes on
            ended = [over(folder) for folder in self.open.values()]
            if all(ended):
                break
            time.sleep(0.2)
        self.flush()


def over(folder: RunFolder) -> bool:
    """Return whether a run has ended, after correcting the state of one whose process is gone."""
    try:
        with suppress(OSError):
            folder.mark_dead()
        return bool(folder.state().get("ended", 1))
    except UserError:  # its state.json is damaged, which delivering it reports
        return True


class Answers(logging.Handler):
    """Hand log messages to the run, which has the screen and the log file."""

    def __init__(self, answer: Callable[[Any], None]):
        super().__init__(logging.WARNING)
        self.answer = answer

    def emit(self, record: logging.LogRecord) -> None:
        self.answer(next(iter(record.getMessage().splitlines()), ""))  # a library may write pages


def serve(told: SimpleQueue, outbox: Outbox, answer: Callable[[Any], None]) -> None:
    """Deliver what is told until None comes, each folder once of those that come within a second."""
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
    os.dup2(2, 1)  # what libraries print must not pass for an answer
    told: SimpleQueue = SimpleQueue()

    def read() -> None:
        for line in lines(0):
            told.put(line.decode())
        told.put(None)

    # in a thread of its own, because a pipe holds little and the run must not wait for room in it
    Thread(target=read, daemon=True).start()

    def answer(message: Any) -> None:
        say(output, json.dumps(message).encode())

    logging.getLogger().addHandler(Answers(answer))
    serve(told, Outbox(answer), answer)


if __name__ == "__main__":
    main()
