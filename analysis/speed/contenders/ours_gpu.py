"""Do the training step of `rnnexp.training.loop.fit` on a GPU, by each engine, and time its parts."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from unittest.mock import patch

import numpy as np

from rnnexp.analysis.speed.contenders.timing import STEPS_PER_GROUP, seconds_of_a_step
from rnnexp.analysis.speed.tasks import SEED, Task
from rnnexp.compute import backend, engine
from rnnexp.compute.cuda.cublas import Cublas
from rnnexp.compute.cuda.graph import Graph as CudaGraph
from rnnexp.optim.sgd import SGD
from rnnexp.training import step


class Graph:
    """Train by one CUDA graph a step."""

    engine, tf32 = "graph", False

    def __init__(self, task: Task):
        self.task, self.gpu = task, backend.gpu()
        self.launched: list[tuple[str, Callable[[], None]]] | None = None  # by a step that is looked into
        self.watch_kernels()
        self.use = engine.use(self.engine, tf32=self.tf32)
        self.use.__enter__()

    def begin(self, dropout: float) -> None:
        """Make a model with its first weights."""
        task = replace(self.task, shape=replace(self.task.shape, dropout=dropout))
        self.optimizer = SGD(task.lr, task.clip_norm)
        self.steps = step.GpuTrainStep(task.model(self.gpu), self.optimizer, SEED, task.shape.batch_size)
        contiguous = [[np.ascontiguousarray(part, np.int32) for part in window] for window in task.windows()]
        self.windows = [tuple(map(self.gpu.to_device, window)) for window in contiguous]
        self.done = 0

    def take(self, number: int) -> list[float]:
        """Do training steps; wait for them and return their losses in nats per token."""
        found = []
        for _ in range(number):
            inputs, targets = self.windows[self.done % len(self.windows)]
            self.steps.run(inputs, targets, self.done, self.optimizer.lr, 1 / targets.size)
            self.done += 1
            if self.done % self.steps.sync_every == 0:
                found += self.steps.results()
        found += self.steps.results()
        return [nats / targets.size for nats, _ in found]

    def losses(self, number: int) -> list[float]:
        """Return the losses of the first steps in nats per token, without dropout."""
        self.begin(0.0)
        return self.take(number)

    def start_timing(self) -> None:
        self.begin(self.task.shape.dropout)
        self.take(3)

    def seconds(self, at_least_s: float) -> float:
        """Return the seconds of a step, see `seconds_of_a_step`."""
        return seconds_of_a_step(self.take, at_least_s)

    def reserved_bytes(self) -> int:
        """Return the bytes of device memory taken from the driver."""
        pools = [one.graph.pool for one in self.steps.captured.values() if one.graph]
        return sum(pool.total_bytes() for pool in [self.gpu.cupy.get_default_memory_pool(), *pools])

    def watch_kernels(self) -> None:
        """Have every kernel that is compiled from here on add its launches to `launched`, where that is a list."""
        compile_them = self.gpu.compile

        def watched(source, names):
            functions = compile_them(source, names)
            return {name: self.watched(name, function) for name, function in functions.items()}

        self.gpu.compile = watched  # type: ignore[method-assign]

    def watched(self, name: str, function: Callable) -> Callable:
        label = name.rstrip("0123456789").rstrip("_")

        def call(*arguments) -> None:
            if self.launched is not None:
                self.launched.append((label, lambda: function(*arguments)))
            function(*arguments)

        return call

    def look_into_a_step(self) -> list[tuple[str, Callable[[], None]]]:
        """Return the launches of a step, each with its name: our kernels, and products named by their sizes."""
        matmul = Cublas.matmul

        def noted(cublas, a, b, out, add=False):
            count = f" x{out.shape[0]}" if out.ndim == 3 else ""
            label = f"product {a.shape[-2]}x{a.shape[-1]}x{b.shape[-1]}{count}"
            assert self.launched is not None
            self.launched.append((label, lambda: matmul(cublas, a, b, out, add)))
            matmul(cublas, a, b, out, add)

        self.launched = []
        with patch.object(Cublas, "matmul", noted), engine.use("fused", tf32=self.tf32):
            self.begin(self.task.shape.dropout)
            self.take(1)
        launched, self.launched = self.launched, None
        return launched

    def again(self, launches: list[Callable[[], None]]) -> float:
        """Return the seconds that these launches take as one CUDA graph."""

        def all_of_them() -> None:
            for launch in launches:
                launch()

        replay = CudaGraph(self.gpu, all_of_them)
        times = []
        for _ in range(5):
            self.gpu.stream.synchronize()
            start = time.perf_counter()
            for _ in range(STEPS_PER_GROUP):
                replay()
            self.gpu.stream.synchronize()
            times.append(time.perf_counter() - start)
        return float(np.median(times)) / STEPS_PER_GROUP

    def matmul_only_seconds(self) -> float:
        """Return the seconds that a step's products take alone."""
        return self.again([launch for name, launch in self.look_into_a_step() if name.startswith("product")])

    def parts(self) -> dict[str, dict[str, float]]:
        """Return for each kind of launch how many a step has, and the seconds that these take alone."""
        kinds: dict[str, list] = defaultdict(list)
        for name, launch in self.look_into_a_step():
            kinds[name].append(launch)
        return {
            name: {"times": len(launches), "seconds": self.again(launches)}
            for name, launches in kinds.items()
        }


class Fused(Graph):
    """Train by kernels of our own, launched one by one."""

    engine = "fused"


class Plain(Graph):
    """Train by CuPy's functions."""

    engine = "cupy"


class GraphTF32(Graph):
    """Train by one CUDA graph a step, with products whose factors are rounded to 10 bits."""

    tf32 = True
