"""Answer what is asked of a contender on the CPU, in the process that it has to itself."""

import importlib
import time
from typing import Protocol

import numpy as np

from rnnexp.analysis.speed.contenders import CPU, load
from rnnexp.analysis.speed.profile.memory import bytes_held, reset_peak
from rnnexp.analysis.speed.tasks import Task


class Contender(Protocol):
    """Train a task's model on the task's text, step by step."""

    def use_threads(self, number: int) -> None:
        """Compute with so many threads from here on."""

    def prepare_comparison(self) -> None:
        """Train such that losses can be compared: without dropout."""

    def prepare_timing(self) -> None:
        """Train as the task says: with dropout."""

    def step(self) -> float:
        """Do one training step; return its loss in nats per token."""


class Service:
    """Measure a `Contender`; only ours knows its matrix products and parts, too.

    shared : whether others use the machine: then a second is one of the CPU's, which passes only while it computes.
    """

    def __init__(self, contender: str, task: Task, shared: bool = False):
        self.clock = time.process_time if shared else time.perf_counter
        importlib.import_module(CPU[contender].rpartition(".")[0])  # before memory is counted
        reset_peak()
        self.before = bytes_held("VmRSS")
        self.contender = load(CPU[contender], task)

    def losses(self, steps: int) -> list[float]:
        """Return nats per token of the first steps, without dropout, and get ready to be timed."""
        self.contender.prepare_comparison()
        losses = [self.contender.step() for _ in range(steps)]
        self.contender.prepare_timing()
        self.contender.step()
        return losses

    def use_fastest(self, numbers: list[int]) -> int:
        """Compute with the fastest of these numbers of threads from here on; return it."""
        seconds = {}
        for number in numbers:
            self.contender.use_threads(number)
            self.times(0.2)
            seconds[number] = np.median(self.times(0.4))
        fastest = min(seconds, key=seconds.__getitem__)
        self.contender.use_threads(fastest)
        self.contender.step()  # JAX compiles again
        return fastest

    def times(self, at_least_s: float) -> list[float]:
        """Return the seconds of each training step, of as many steps as take `at_least_s` seconds together."""
        times: list[float] = []
        while sum(times) < at_least_s or len(times) < 2:
            start = self.clock()
            self.contender.step()
            times.append(self.clock() - start)
        return times

    def matmul_only_seconds(self, repeats: int) -> float:
        """Return the seconds that a step's matrix products take alone."""
        return self.contender.matmul_only_seconds(repeats, self.clock)

    def seconds_by_part(self, steps: int) -> dict[str, float]:
        """Return the mean seconds that a step spends in each of its parts."""
        return self.contender.seconds_by_part(steps)

    def peak_bytes(self) -> int | None:
        """Return the peak of memory in bytes, less what the process held before the model was made."""
        peak = bytes_held("VmHWM")
        return None if peak is None or self.before is None else peak - self.before
