"""Where the arrays of a run live: in memory, by NumPy, or on an NVIDIA GPU, by CuPy.

The only file that imports cupy. NumPy's functions take CuPy's arrays too, so most code need not ask; what
makes arrays, moves them or reads a number asks the backend of its model. Each run chooses its own.
"""

import importlib
import re
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.compute.cuda import cublas
from rnnexp.errors import UserError, one_line

INSTALL = "pip install 'cupy-cuda13x[ctk]', or cupy-cuda12x where nvidia-smi names a CUDA version of 12"
BLOCK = 128  # threads of a block, for kernels whose threads do not work together


class Cpu:
    """NumPy's arrays."""

    name = "cpu"

    def empty(self, shape, dtype):
        return np.empty(shape, dtype)

    def zeros(self, shape, dtype):
        return np.zeros(shape, dtype)

    def to_device(self, array):
        return array

    def to_host(self, array):
        return array

    def errors_in_words(self) -> AbstractContextManager:
        """Within: what goes wrong with the device is a UserError."""
        return nullcontext()


class Gpu:
    """CuPy's arrays on the current GPU. All work goes to one stream of our own, from here on the thread's.

    Attributes
    ----------
    products : see `rnnexp.compute.cuda.cublas`.
    """

    name = "gpu"

    def __init__(self, cupy: Any):
        self.cupy = cupy
        self.stream = self.cupy.cuda.Stream(non_blocking=True)
        self.stream.use()
        self.workspace = self.cupy.empty(cublas.WORKSPACE_BYTES, np.uint8)
        _ = self.cupy.cuda.cublas  # asking for it loads the library
        self.products = cublas.Products(cublas.loaded(), self.stream.ptr, self.workspace.data.ptr)

    def empty(self, shape, dtype):
        return self.cupy.empty(shape, dtype)

    def zeros(self, shape, dtype):
        return self.cupy.zeros(shape, dtype)

    def to_device(self, array):
        return self.cupy.asarray(array)

    def to_host(self, array):
        return self.cupy.asnumpy(array)

    def kernels(self, source: str, names: Sequence[str]) -> dict[str, Callable]:
        """The functions of a CUDA source, compiled: function(blocks, threads of a block, arguments)."""
        module = self.cupy.RawModule(code=source, options=("--std=c++17",))
        return {name: module.get_function(name) for name in names}

    def errors_in_words(self) -> AbstractContextManager:
        return errors_in_words(self.cupy)

    def description(self) -> str:
        """The GPU and what drives it, in a line."""
        runtime = self.cupy.cuda.runtime
        name = runtime.getDeviceProperties(self.cupy.cuda.Device().id)["name"].decode()
        version = divmod(runtime.runtimeGetVersion() // 10, 100)
        return f"{name}, CUDA {version[0]}.{version[1]}, cupy {self.cupy.__version__}"


class Graph:
    """A function that does again what `function` has a GPU do, at the cost of one call: a CUDA graph.

    Its arrays must stay where they are. What it allocates itself is nobody else's for as long as the graph is
    there, and it may not read a number from the GPU.
    """

    def __init__(self, device: Gpu, function: Callable[[], None]):
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


@contextmanager
def errors_in_words(cupy: Any) -> Iterator[None]:
    """Within: a GPU without memory is a UserError."""
    cuda = cupy.cuda
    of_cuda = cuda.runtime.CUDARuntimeError, cuda.driver.CUDADriverError
    try:
        yield
    except (cuda.memory.OutOfMemoryError, cublas.NoMemory, *of_cuda) as error:
        if isinstance(error, of_cuda) and not re.search("MemoryAllocation|OUT_OF_MEMORY", str(error)):
            raise
        raise UserError(
            f"the GPU has too little memory ({one_line(error)}): choose a smaller train.batch_size, "
            "train.bptt or model, or end other processes that use it (nvidia-smi lists them)"
        ) from error


def load_cupy() -> Any:
    """The cupy module, with a GPU to use; UserError where either is missing."""
    if not find_spec("cupy"):
        raise UserError(f"device=gpu needs CuPy: {INSTALL}")
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        said = one_line(error.__cause__ or error)
        raise UserError(f"device=gpu cannot load CuPy ({said}): {INSTALL}") from error
    try:
        number = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        if not Path("/proc/driver/nvidia").exists():
            remedy = "install the NVIDIA driver (nvidia-smi must list the GPU), or say device=cpu"
        else:
            remedy = "the driver may be older than CuPy's CUDA: see nvidia-smi, or say device=cpu"
        raise UserError(f"device=gpu finds no GPU ({error}): {remedy}") from error
    if not number:
        raise UserError("device=gpu finds no GPU: see what nvidia-smi lists, or say device=cpu")
    return cupy


CPU = Cpu()


@cache
def gpu() -> Gpu:
    """The one of this process. UserError where there is no GPU, or no CuPy, or they cannot be used."""
    cupy = load_cupy()
    try:
        with errors_in_words(cupy):
            return Gpu(cupy)
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f"device=gpu cannot use the GPU ({one_line(error)}): see nvidia-smi, {INSTALL}"
        ) from error


def named(device: str) -> Cpu | Gpu:
    """The backend that the config calls by that name."""
    return gpu() if device == "gpu" else CPU


def of(array) -> Cpu | Gpu:
    """The backend of an array."""
    return CPU if isinstance(array, np.ndarray) else gpu()
