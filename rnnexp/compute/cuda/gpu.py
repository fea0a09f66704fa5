"""Compute with CuPy on an NVIDIA GPU. The only file that imports cupy."""

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.compute.cuda import cublas
from rnnexp.compute.cuda.kernels import Kernels
from rnnexp.compute.ops import Ops
from rnnexp.errors import UserError, one_line
from rnnexp.installation import how_to_add_cupy


class Gpu(Ops):
    """Compute on CuPy's arrays, on the current GPU.

    All work goes to one CUDA stream of our own, which becomes the current stream of the thread.

    Attributes
    ----------
    cublas : the handle by which matrices are multiplied.
    """

    name = "gpu"
    asynchronous = cheap_multiplications = True
    update_block = 2**62  # all at once

    def __init__(self, cupy: Any):
        self.cupy = cupy
        self.stream = self.cupy.cuda.Stream(non_blocking=True)
        self.stream.use()
        self.cublas_memory = self.cupy.empty(cublas.WORKSPACE_BYTES, np.uint8)
        _ = self.cupy.cuda.cublas  # asking for it loads the library
        self.cublas = cublas.Cublas(cublas.loaded(), self.stream.ptr, self.cublas_memory.data.ptr)
        self.kernels_of: dict[Any, Kernels] = {}
        self.uses_custom_kernels = True

    def empty(self, shape, dtype):
        return self.cupy.empty(shape, dtype)

    def zeros(self, shape, dtype):
        return self.cupy.zeros(shape, dtype)

    def to_device(self, array):
        return self.cupy.asarray(array)

    def to_host(self, array):
        return self.cupy.asnumpy(array)

    @contextmanager
    def using(self, engine: str, tf32: bool) -> Iterator[None]:
        before = self.uses_custom_kernels, self.uses_cuda_graph
        self.cublas.use_tf32(tf32)
        self.uses_custom_kernels, self.uses_cuda_graph = engine != "cupy", engine == "graph"
        try:
            with self.stream:  # another thread than the one that made this would use another
                yield
        finally:
            self.uses_custom_kernels, self.uses_cuda_graph = before

    def errors_in_words(self) -> AbstractContextManager:
        return errors_in_words(self.cupy)

    def compile(self, source: str, names: Sequence[str]) -> dict[str, Callable]:
        """Return the functions of a CUDA source, by name: function(blocks, threads of a block, arguments)."""
        module = self.cupy.RawModule(code=source, options=("--std=c++17",))
        return {name: module.get_function(name) for name in names}

    def kernels(self, dtype) -> Kernels:
        """Return our kernels for numbers of a type, compiled when they are first asked for."""
        if dtype not in self.kernels_of:
            self.kernels_of[dtype] = Kernels(self, dtype)
        return self.kernels_of[dtype]

    def custom_kernels(self, dtype) -> Kernels | None:
        return self.kernels(dtype) if self.uses_custom_kernels else None

    def matmul(self, a, b, out):
        self.cublas.matmul(a, b, out)
        return out

    def add_matmul(self, a, b, scratch, out):
        self.cublas.matmul(a, b, out, add=True)

    def recurrent_weights(self, U, rows, workspace):
        return U

    def recurrent_matmul(self, weights, rows) -> Callable:
        G, _, H = weights.shape
        out = self.empty((G, rows, H), weights.dtype)
        result = out if G > 1 else out[0]

        def multiply(v):
            self.matmul(v, weights, out)
            return result

        return multiply

    def softmax_cross_entropy(self, logits, bias, targets, grad_scale=None, row_nats=None, bias_grad=None):
        own = self.custom_kernels(logits.dtype)
        if not own:
            return super().softmax_cross_entropy(logits, bias, targets, grad_scale, row_nats, bias_grad)
        nats = own.softmax_cross_entropy(logits, bias, targets, grad_scale, row_nats)
        if grad_scale is not None and bias_grad is not None:
            self.sum_rows(logits, bias_grad)
        return nats

    def take_rows(self, table, index, out):
        own = self.custom_kernels(table.dtype)
        take = own.take_rows if own else super().take_rows
        take(table, index, out)

    def sum_rows(self, a, out):
        own = self.custom_kernels(a.dtype)
        add_up = own.sum_rows if own else super().sum_rows
        add_up(a, out)

    def add_rows(self, target, index, rows):
        self.kernels(target.dtype).add_rows(target, index, rows)

    def dropout_mask(self, rate, key, out):
        """Fill `out` as `Ops.dropout_mask` does; the step of `key` may be an array of one uint64 here."""
        self.kernels(out.dtype).dropout_mask(rate, key, out)

    def squared_norm(self, array):
        return float(np.dot(array, array))

    def description(self) -> str:
        """Return a line that names the GPU and what drives it."""
        runtime = self.cupy.cuda.runtime
        name = runtime.getDeviceProperties(self.cupy.cuda.Device().id)["name"].decode()
        version = divmod(runtime.runtimeGetVersion() // 10, 100)
        return f"{name}, CUDA {version[0]}.{version[1]}, cupy {self.cupy.__version__}"


@contextmanager
def errors_in_words(cupy: Any) -> Iterator[None]:
    """Turn the error of a GPU without memory left, raised within the context, into a UserError."""
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
    """Return the cupy module, with a GPU to use; UserError where either is missing."""
    if not find_spec("cupy"):
        raise UserError(f"device=gpu needs CuPy: {how_to_add_cupy()}")
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        said = one_line(error.__cause__ or error)
        raise UserError(f"device=gpu cannot load CuPy ({said}): {how_to_add_cupy()}") from error
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
