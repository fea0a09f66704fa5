"""Ctrl-C and SIGTERM as a polite request: the run stops at its next step."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rnnexp.errors import Interrupted


@contextmanager
def stop_requests() -> Iterator[Callable[[], None]]:
    """Within: a function that raises Interrupted once SIGINT or SIGTERM has come.

    A second signal has its usual effect at once. Outside the main thread, where Python allows no
    handlers, the function never raises.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def note(signum, frame):
        received.append(signum)
        restore()

    def check():
        if received:
            raise Interrupted(received[0])

    before = {signum: signal.signal(signum, note) for signum in (signal.SIGINT, signal.SIGTERM)}

    def restore():
        for signum, handler in before.items():
            signal.signal(signum, handler)

    try:
        yield check
    finally:
        restore()
