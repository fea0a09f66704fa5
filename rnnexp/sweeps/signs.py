"""Give signs of life for the trials that this process is at, by which others know that they need not take them up."""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rnnexp.records.processes import namespace

BEAT_S = 15.0  # from one sign to the next


class Heart:
    """Call functions that give a sign of life again and again, in a thread of its own, from `start` to `stop`."""

    def __init__(self, beats: list[Callable[[], None]]):
        self.beats, self.ended = beats, threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self) -> None:
        """Call all of them until the end."""
        while not self.ended.wait(BEAT_S):
            for beat in self.beats:
                with suppress(Exception):  # of a storage that is away: whoever waits for it says so
                    beat()

    def start(self) -> None:
        """Begin, unless it has begun."""
        if not self.thread.is_alive():
            self.thread.start()

    def stop(self) -> None:
        """End, also where it has not begun."""
        self.ended.set()
        if self.thread.is_alive():
            self.thread.join()


def sign() -> dict[str, Any]:
    """Return a sign of life of this process, unlike those before."""
    return {
        "host": socket.gethostname(),
        "namespace": namespace(),
        "pid": os.getpid(),
        "at": time.time(),
    }
