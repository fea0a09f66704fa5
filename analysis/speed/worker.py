"""A contender in a process of its own, so that neither threads nor memory of one disturb another."""

import importlib
import multiprocessing
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from analysis.speed.work import Task

REPEATS = 20  # steps on a GPU between two looks at the clock
CONTENDERS = {  # on the CPU
    "ours": "analysis.speed.ours.Ours",
    "numba": "analysis.speed.ours.Numba",
    "numpy": "analysis.speed.ours.NumPy",
    "torch": "analysis.speed.pytorch.PyTorch",
    "book": "analysis.speed.book.Book",
}


class Worker:
    """`worker.ask("times", 0.5)` calls `times` of what `make` makes in the process; usable as a context."""

    def __init__(self, make: Callable[[Task], Any], task: Task):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, make, task), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, command: str, *arguments):
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


def load(path: str, task: Task) -> Any:
    """What "package.module.Class" names, made for a task."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)(task)


def serve(connection: Connection, make: Callable[[Task], Any], task: Task) -> None:
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


class Service:
    """What can be asked of a contender on the CPU."""

    def __init__(self, contender: str, task: Task):
        importlib.import_module(CONTENDERS[contender].rpartition(".")[0])
        reset_peak()
        self.before = memory("VmRSS")
        self.contender = load(CONTENDERS[contender], task)

    def losses(self, steps: int) -> list[float]:
        """Nats per token of the first training steps, without dropout. Ready to race afterwards."""
        self.contender.compare()
        losses = [self.contender.step() for _ in range(steps)]
        self.contender.race()
        self.contender.step()
        return losses

    def use_fastest(self, numbers: list[int]) -> int:
        """Compute with the number of threads that is fastest; returns it."""
        seconds = {}
        for number in numbers:
            self.contender.use_threads(number)
            self.times(0.2)
            seconds[number] = np.median(self.times(0.4))
        fastest = min(seconds, key=seconds.__getitem__)
        self.contender.use_threads(fastest)
        return fastest

    def times(self, at_least_s: float) -> list[float]:
        """Seconds of each of some training steps, which take that long together."""
        times: list[float] = []
        while sum(times) < at_least_s or len(times) < 2:
            start = time.perf_counter()
            self.contender.step()
            times.append(time.perf_counter() - start)
        return times

    def floor(self, repeats: int) -> float:
        return self.contender.floor(repeats)

    def parts(self, steps: int) -> dict[str, float]:
        return self.contender.parts(steps)

    def peak_bytes(self) -> int | None:
        """The most memory held at a time, less what the process held before the model was made."""
        peak = memory("VmHWM")
        return None if peak is None or self.before is None else peak - self.before


def seconds_of_a_step(take: Callable[[int], Any], at_least: float) -> float:
    """The median over groups of steps that take that long together; `take(number)` takes steps and waits."""
    times: list[float] = []
    while sum(times) < at_least or len(times) < 3:
        start = time.perf_counter()
        take(REPEATS)
        times.append(time.perf_counter() - start)
    return float(np.median(times)) / REPEATS


def memory(field: str) -> int | None:
    """Bytes, from /proc; None where there is none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def reset_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return
