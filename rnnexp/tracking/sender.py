"""The process beside a run that sends its records, so that MLflow takes no time from the run itself.

It is told a tracker's calls and answers with its warnings and with null at the end of a run, each as a line
of JSON. It goes on until its input ends, also when the run is killed, and sends all it was told before that.
"""

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from filelock import FileLock


def messages(file: int) -> Iterator[Any]:
    """What the process at the other end of a pipe says, to the end; of a line cut short, nothing.

    Not by a buffered file: a thread that waits in one holds a lock that Python wants when it ends.
    """
    rest = b""
    while part := os.read(file, 1 << 16):
        *lines, rest = (rest + part).split(b"\n")
        yield from map(json.loads, lines)


def say(file: int, message: Any) -> None:
    """Write a message; of a reader that has gone its process takes note otherwise."""
    line = memoryview(json.dumps(message).encode() + b"\n")
    with suppress(BrokenPipeError):
        while line:
            line = line[os.write(file, line) :]


class Answers(logging.Handler):
    """Hands what is logged to the run, which has the screen and the log file."""

    def __init__(self, answer: Callable[[Any], None]):
        super().__init__(logging.WARNING)
        self.answer = answer

    def emit(self, record: logging.LogRecord) -> None:
        self.answer(record.getMessage())


def serve(calls: Iterable, make_tracker: Callable, answer: Callable[[Any], None]) -> None:
    """Carry out calls, one run's after another's."""
    with ExitStack() as held:
        for name, arguments in calls:
            if name == "open":
                uri, study, folder = arguments
                held.close()
                # a run that was killed and goes on at once: its old sender may not be done yet
                held.enter_context(FileLock(Path(folder) / ".tracking.lock"))
                tracker = make_tracker(uri, study, Path(folder))
                continue
            getattr(tracker, name)(*arguments)
            if name == "finish":
                held.close()
                answer(None)


def main() -> None:
    output = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no answer
    calls: SimpleQueue = SimpleQueue()

    def read() -> None:
        for call in messages(0):
            calls.put(call)
        calls.put(None)

    # always at it, for a pipe holds little and the run must not wait for room in it
    Thread(target=read, daemon=True).start()

    def answer(message: Any) -> None:
        say(output, message)

    logging.getLogger().addHandler(Answers(answer))
    from rnnexp.tracking.mlflow import MlflowTracker  # seconds, in which calls are taken already

    serve(iter(calls.get, None), MlflowTracker, answer)


if __name__ == "__main__":
    main()
