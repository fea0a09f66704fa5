"""Take Ctrl-C and SIGTERM as a polite request: a run stops at its next step, a sweep with all its jobs."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rnnexp.errors import Interrupted

SIGNALS = signal.SIGINT, signal.SIGTERM


@contextmanager
def stop_requests() -> Iterator[Callable[[], None]]:
    """Yield a function that raises Interrupted once SIGINT or SIGTERM has come, within the context.

    A second signal has its usual effect at once. Outside the main thread, where Python allows no
    handlers, signals are left alone.
    """
    received: list[int] = []

    def note(signum, frame):
        received.append(signum)
        restore()

    def check():
        if received:
            raise Interrupted(received[0])

    def restore():
        for signum, handler in before.items():
            signal.signal(signum, handler)

    in_main = threading.current_thread() is threading.main_thread()
    before = {signum: signal.signal(signum, note) for signum in SIGNALS} if in_main else {}
    try:
        yield check
    finally:
        restore()
