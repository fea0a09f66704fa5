"""Take Ctrl-C, SIGTERM and SIGHUP as a polite request: a run stops at its next step, a sweep with all its jobs."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rnnexp.errors import Interrupted

SIGNALS = [signal.SIGINT, signal.SIGTERM]
if hasattr(signal, "SIGHUP"):  # not on Windows
    SIGNALS.append(signal.SIGHUP)


@contextmanager
def stop_requests(waits_for: str = "") -> Iterator[Callable[[], None]]:
    """Yield a function that raises Interrupted once one of SIGNALS has come, within the context.

    waits_for : what is still done then, which is said on stderr as soon as the signal comes; empty: nothing is said.

    A hangup that is ignored, as under nohup, stays so.

    A second signal has its usual effect at once. Outside the main thread, where Python allows no
    handlers, signals are left alone.
    """
    received: list[int] = []

    def note(signum, frame):
        received.append(signum)
        restore()
        if waits_for:
            say_at_once(f"stopping: {waits_for}; Ctrl-C again stops at once")

    def check():
        if received:
            raise Interrupted(received[0])

    def restore():
        for signum, handler in before.items():
            signal.signal(signum, handler)

    in_main = threading.current_thread() is threading.main_thread()
    before = {signum: signal.signal(signum, note) for signum in heeded()} if in_main else {}
    try:
        yield check
    finally:
        restore()


def say_at_once(line: str) -> None:
    """Write a line on stderr, from the handler of a signal: Python's own file may be in use."""
    with suppress(OSError):
        start = "\n" if os.isatty(2) else ""  # after a bar, or ^C
        os.write(2, f"{start}{line}\n".encode())


def heeded() -> list[signal.Signals]:
    """Return the signals that ask a run to stop."""
    ignored = {name for name in SIGNALS[2:] if signal.getsignal(name) is signal.SIG_IGN}
    return [name for name in SIGNALS if name not in ignored]
