"""Repeat work at fixed places as one CUDA graph, at the cost of one launch."""

import weakref
from collections.abc import Callable
from typing import Any

from rnnexp.compute.ops import Ops


class Graph:
    """Capture what `function` has a GPU do as a CUDA graph, and repeat it at the cost of one launch.

    Its arrays must stay where they are. Memory that it allocates itself belongs to the graph for as long as that
    exists. It may not read a number from the GPU.
    """

    def __init__(self, device: Any, function: Callable[[], None]):
        self.stream = device.stream
        self.function = function  # and so the arrays that it works on
        self.pool = device.cupy.cuda.MemoryPool()
        weakref.finalize(self, self.pool.free_all_blocks).atexit = False  # CuPy would keep them
        with device.cupy.cuda.using_allocator(self.pool.malloc):
            self.stream.begin_capture()
            try:
                function()
            finally:
                self.graph = self.stream.end_capture()

    def __call__(self) -> None:
        self.graph.launch(self.stream)


class CapturedFunction:
    """Repeat a function on arrays with fixed places, by a CUDA graph where the engine is "graph".

    The first call runs the function itself, which compiles its kernels and makes its arrays.
    """

    def __init__(self, function: Callable[[], None], device: Ops):
        self.function, self.device, self.begun = function, device, False
        self.graph: Graph | None = None

    def __call__(self) -> None:
        if self.device.uses_cuda_graph and self.begun:
            self.graph = self.graph or Graph(self.device, self.function)
            self.graph()
        else:
            self.function()
        self.begun = True
