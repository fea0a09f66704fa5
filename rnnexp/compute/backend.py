"""Find the device that arrays live on: the memory of the computer, by NumPy, or an NVIDIA GPU, by CuPy.

NumPy's functions take CuPy's arrays too, so most code need not know the device. Code that makes arrays, moves
them, multiplies them or reads a number calls the backend of its model. Each run chooses its own.
"""

from functools import cache

from rnnexp.compute.cpu import Cpu
from rnnexp.compute.cuda.gpu import Gpu, errors_in_words, load_cupy
from rnnexp.compute.ops import Ops
from rnnexp.errors import UserError, one_line
from rnnexp.installation import how_to_add_cupy

CPU = Cpu()


@cache
def gpu() -> Gpu:
    """Return the GPU backend, one a process; UserError where there is no GPU or no CuPy, or they cannot be used."""
    cupy = load_cupy()
    try:
        with errors_in_words(cupy):
            return Gpu(cupy)
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f"device=gpu cannot use the GPU ({one_line(error)}): see nvidia-smi, {how_to_add_cupy()}"
        ) from error


def named(device: str) -> Ops:
    """Return the backend of the config's `device`, "cpu" or "gpu"."""
    return gpu() if device == "gpu" else CPU
