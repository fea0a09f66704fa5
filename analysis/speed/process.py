"""Give each contender a process of its own, so that neither threads nor memory of one disturb another."""

import multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from rnnexp.analysis.speed.tasks import Task


class Worker:
    """Run the object that `make(task)` returns in a process of its own, which ends with the context.

    `worker.ask("times", 0.5)` calls its method `times`.
    """

    def __init__(self, make: Callable[[Task], Any], task: Task):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, make, task), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, command: str, *arguments):
        """Return what a method of the object returns; RuntimeError with the traceback where it raised."""
        self.connection.send((command, arguments))
        answer, error = self.connection.recv()
        if error:
            raise RuntimeError(error)
        return answer

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self.connection.close()
        self.process.join(10)


def serve(connection: Connection, make: Callable[[Task], Any], task: Task) -> None:
    """Answer questions until the connection is closed."""
    service, broken = None, None
    try:
        service = make(task)  # before it is asked, so that all contenders start at the same time
    except Exception:
        broken = traceback.format_exc()
    while True:
        try:
            command, arguments = connection.recv()
        except EOFError:
            return
        try:
            connection.send((None, broken) if broken else (getattr(service, command)(*arguments), None))
        except Exception:
            connection.send((None, traceback.format_exc()))
