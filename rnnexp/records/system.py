"""Measure what the machine does while a run goes on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from rnnexp.errors import UserError
from rnnexp.records.files import append_line
from rnnexp.records.folder import RunFolder
from rnnexp.records.lease import now

EVERY_S = 10.0
MEGA = 1e6


@contextmanager
def recorded(folder: RunFolder, every_s: float = EVERY_S) -> Iterator[None]:
    """Record in system.jsonl of a run that this process holds, every few seconds within the context and at its end."""
    own, over = psutil.Process(), threading.Event()

    def record_until_over() -> None:
        measure(own)  # from here on shares of time count; psutil remembers that for each thread
        ended = False
        while not ended:
            ended = over.wait(every_s)
            with suppress(OSError, UserError):  # of a lock, or a run, that another process has
                add(folder, measure(own))

    thread = threading.Thread(target=record_until_over, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def add(folder: RunFolder, record: dict[str, float]) -> None:
    """Add what was measured to system.jsonl."""
    with folder.exclusive():
        append_line(folder.system_file, record)


def measure(own: psutil.Process) -> dict[str, float]:
    """Return what the machine and a process do, under the names of MLflow's system metrics, and the `time`.

    Shares of time are those since the call before.
    """
    memory = psutil.virtual_memory()
    return {
        "time": now(),
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": memory.used / MEGA,
        "system/system_memory_usage_percentage": memory.percent,
        "system/process_cpu_utilization_percentage": own.cpu_percent(),
        "system/process_memory_usage_megabytes": own.memory_info().rss / MEGA,
    }
