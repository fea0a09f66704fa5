"""The training step of `rnnexp.trainer.fit`, its matrix products alone, and where its time goes."""

import threading
import time
from contextlib import AbstractContextManager, ExitStack
from unittest.mock import patch

import numpy as np

from analysis.speed.parts import seconds_by_part
from analysis.speed.work import SEED, Task
from rnnexp import compiled, threads
from rnnexp.optim import SGD

if compiled.available():
    from rnnexp.compiled import maths  # noqa: F401  a library is loaded before memory is counted


class Ours:
    """With compiled time loops where numba is installed."""

    def __init__(self, task: Task):
        self.model = task.model()
        if compiled.available():
            for cell in self.model.cells:
                cell.compile()
        self.optimizer = SGD(task.lr, task.clip_norm)
        self.windows = task.windows()
        self.tape = self.model.tape()
        self.state = self.model.zero_state(task.shape.batch_size)
        self.steps = 0
        self.limit: AbstractContextManager | None = None
        self.use_threads(1)

    def use_threads(self, number: int) -> None:
        if self.limit:
            self.limit.__exit__(None, None, None)
        self.limit = threads.use(number)
        self.limit.__enter__()

    def compare(self) -> None:
        self.dropout = False

    def race(self) -> None:
        self.dropout = True

    def step(self) -> float:
        inputs, targets = self.windows[self.steps % len(self.windows)]
        key = (SEED, self.steps) if self.dropout else None
        self.steps += 1
        nats, self.state = self.model.forward(inputs, targets, self.state, self.tape, key, 1 / targets.size)
        self.model.backward(self.tape)
        self.optimizer.update(self.model.params, self.optimizer.lr)
        return nats / targets.size

    def floor(self, repeats: int) -> float:
        """Median seconds of a step's own matrix products, done again by the same threads."""
        products: dict[int, list[tuple]] = {}  # of each thread
        matmul = np.matmul

        def record(a, b, out=None):
            products.setdefault(threading.get_ident(), []).append((a, b, out))
            return matmul(a, b, out=out)

        # the readable loops make the products of the compiled ones, where they can be seen
        with ExitStack() as patches:
            patches.enter_context(patch("numpy.matmul", record))
            for cell in self.model.cells:
                parts = cell.shares(self.windows[0][0].shape[1])
                patches.enter_context(patch.object(cell, "shares", lambda B, parts=parts: parts))
                patches.enter_context(patch.object(cell, "loops", None))
            self.step()

        def multiply(calls: list[tuple]) -> None:
            for a, b, out in calls:
                matmul(a, b, out=out)

        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            threads.in_parallel(multiply, products.values())
            seconds.append(time.perf_counter() - start)
        return float(np.median(seconds))

    def parts(self, steps: int) -> dict[str, float]:
        return seconds_by_part(self.step, steps)


class NumPyOnly(Ours):
    """With the readable time loops."""

    def __init__(self, task: Task):
        super().__init__(task)
        for cell in self.model.cells:
            cell.loops = None
