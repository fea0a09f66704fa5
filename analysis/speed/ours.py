"""The training step of `rnnexp.training.loop.fit`, its matrix products alone, and where its time goes."""

import threading
import time
from contextlib import AbstractContextManager
from unittest.mock import patch

import numpy as np

from analysis.speed.parts import seconds_by_part
from analysis.speed.recurrence import multiply_window
from analysis.speed.work import SEED, Task
from rnnexp.compute import engine, threads
from rnnexp.nn.cells.base import Cell
from rnnexp.optim.sgd import SGD

with engine.use(engine.fastest()):  # libraries are loaded before memory is counted
    engine.loops("LSTM")
    engine.matmul(*np.ones((3, 2, 2), np.float32))


class Ours:
    """By the fastest engine that is installed."""

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

    def compare(self) -> None:
        self.dropout = False

    def race(self) -> None:
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

    def floor(self, repeats: int) -> float:
        """Median seconds of a step's own matrix products, done again by the same threads."""
        products: dict[int, list[tuple]] = {}  # of each thread
        matmul = engine.matmul

        def record(a, b, out):
            products.setdefault(threading.get_ident(), []).append((a, b, out))
            return matmul(a, b, out)

        with patch.object(engine, "matmul", record):
            self.step()

        def multiply(calls: list[tuple]) -> None:
            for a, b, out in calls:
                matmul(a, b, out)

        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            threads.in_parallel(multiply, products.values())
            for name, layer in self.model.layers.items():
                if isinstance(layer, Cell):
                    multiply_window(layer, self.workspace.child(name))
            seconds.append(time.perf_counter() - start)
        return float(np.median(seconds))

    def parts(self, steps: int) -> dict[str, float]:
        return seconds_by_part(self.step, steps)


class Numba(Ours):
    engine = "numba"


class NumPy(Ours):
    engine = "numpy"
