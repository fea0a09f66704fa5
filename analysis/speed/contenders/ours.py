"""Do the training step of `rnnexp.training.loop.fit`, or its matrix products alone, and time its parts."""

import importlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from unittest.mock import patch

import numpy as np

from rnnexp.analysis.speed.profile.parts import seconds_by_part
from rnnexp.analysis.speed.profile.recurrence import multiply_window
from rnnexp.analysis.speed.tasks import SEED, Task
from rnnexp.compute import engine, threads
from rnnexp.compute.backend import CPU
from rnnexp.optim.sgd import SGD

with engine.use(engine.fastest()):  # libraries are loaded before memory is counted
    if CPU.compiled_loops:
        importlib.import_module("rnnexp.nn.loops.jit")
    CPU.matmul(*np.ones((3, 2, 2), np.float32))


class Ours:
    """Train by the fastest engine that is installed."""

    engine = engine.fastest()

    def __init__(self, task: Task):
        self.model = task.model()
        self.optimizer = SGD(task.lr, task.clip_norm)
        self.windows = task.windows()
        self.workspace = self.model.workspace()
        self.state = self.model.zero_state(task.shape.batch_size)
        self.steps = 0
        self.limit: AbstractContextManager | None = None
        self.use_threads(1)

    def use_threads(self, number: int) -> None:
        if self.limit:
            self.limit.__exit__(None, None, None)
        self.limit = engine.use(self.engine, number)
        self.limit.__enter__()

    def prepare_comparison(self) -> None:
        self.dropout = False

    def prepare_timing(self) -> None:
        self.dropout = True

    def step(self) -> float:
        inputs, targets = self.windows[self.steps % len(self.windows)]
        key = (SEED, self.steps) if self.dropout else None
        self.steps += 1
        nats, self.state = self.model.forward(
            inputs, targets, self.state, self.workspace, key, 1 / targets.size
        )
        self.model.backward(self.workspace)
        self.optimizer.update(self.model.params, self.optimizer.lr)
        return nats / targets.size

    def matmuls_of_a_step(self) -> list[list[tuple]]:
        """Do a step; return the factors and the result of each of its large products, one list for each thread."""
        of_thread: dict[int, list[tuple]] = {}
        matmul = CPU.matmul

        def record(a, b, out):
            of_thread.setdefault(threading.get_ident(), []).append((a, b, out))
            return matmul(a, b, out)

        with patch.object(CPU, "matmul", record):
            self.step()
        return list(of_thread.values())

    def matmul_only_seconds(self, repeats: int, clock: Callable[[], float]) -> float:
        """Return the median seconds that a step's own matrix products take when the same threads repeat them."""
        matmuls = self.matmuls_of_a_step()

        def multiply(calls: list[tuple]) -> None:
            for a, b, out in calls:
                CPU.matmul(a, b, out)

        seconds = []
        for _ in range(repeats):
            start = clock()
            threads.in_parallel(multiply, matmuls)
            for k, layer in enumerate(self.model.recurrent):
                multiply_window(layer, self.workspace.child(f"cell{k}"))
            seconds.append(clock() - start)
        return float(np.median(seconds))

    def seconds_by_part(self, steps: int) -> dict[str, float]:
        """Return the mean seconds that a step spends in each of its parts."""
        return seconds_by_part(self.step, steps)


class Mkl(Ours):
    """Train by the products of MKL, with loops that numba compiles."""

    engine = "mkl"


class Numba(Ours):
    """Train by NumPy, with loops that numba compiles."""

    engine = "numba"


class NumPy(Ours):
    """Train by NumPy alone."""

    engine = "numpy"
