"""A stand-in for CuPy on machines without a GPU, which behaves like it where it differs from NumPy.

Its arrays refuse NumPy's, and become NumPy's only when asked. What moves between host and device and what is
launched is counted. Kernels are compiled by g++ from the same source, threads of a block being coroutines.
While a graph is captured nothing is computed, and what moves between host and device is an error. cuBLAS is
in `cupy_backends`, as with CuPy itself. With this folder's parent on Python's path, `import cupy` finds this.
"""

import contextlib
import ctypes
import hashlib
import os
import re
import subprocess
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

__version__ = "0"
counts: Counter[str] = Counter()
recording: list | None = None  # what the graph does that is being captured


def do(what: str, function, *arguments) -> None:
    """Compute, or note down what is to be computed."""
    counts[what] += 1
    if recording is None:
        function(*arguments)
    else:
        recording.append((function, arguments))


def transfer(what: str) -> None:
    if recording is not None:
        raise RuntimeError(
            "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing"
        )
    counts[what] += 1


def memory(array):
    """The array behind one of ours; numbers as they are."""
    if isinstance(array, ndarray):
        return array.array
    if isinstance(array, np.ndarray):
        raise TypeError(f"Unsupported type {np.ndarray}")
    if isinstance(array, list | tuple):
        return type(array)(map(memory, array))
    return array


class ndarray(NDArrayOperatorsMixin):
    """An array on the device."""

    def __init__(self, array: np.ndarray):
        self.array = array

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    itemsize = property(lambda self: self.array.itemsize)
    strides = property(lambda self: self.array.strides)
    T = property(lambda self: ndarray(self.array.T))
    data = property(lambda self: SimpleNamespace(ptr=self.array.ctypes.data))

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, function, method, *inputs, out=None, **options):
        assert method == "__call__"
        return compute(function, *inputs, out=out and out[0], **options)

    def __array_function__(self, function, types, inputs, options):
        if function is np.broadcast_to:
            return ndarray(np.broadcast_to(memory(inputs[0]), inputs[1]))
        return compute(function, *inputs, **options)

    def __len__(self):
        return len(self.array)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __getitem__(self, place):
        place = memory(place)
        parts = place if isinstance(place, tuple) else (place,)
        if any(isinstance(part, np.ndarray) for part in parts):
            return compute(lambda array: array[place], self)
        # a number is an array () too
        return ndarray(self.array[place if any(part is ... for part in parts) else (*parts, ...)])

    def __setitem__(self, place, value):
        do("launches", self.array.__setitem__, memory(place), memory(value))

    def get(self) -> np.ndarray:
        transfer("to host")
        return self.array.copy()

    def tolist(self):
        return self.get().tolist()

    def __float__(self):
        return float(self.get())

    def __bool__(self):
        return bool(self.get())

    def fill(self, value):
        do("launches", self.array.fill, value)

    def copy(self):
        return compute(np.copy, self)

    def reshape(self, *shape):
        return ndarray(self.array.reshape(*shape))

    def ravel(self):
        return self.reshape(-1)

    def swapaxes(self, a, b):
        return ndarray(self.array.swapaxes(a, b))

    def sum(self, **options):
        return compute(np.sum, self, **options)

    def max(self, **options):
        return compute(np.max, self, **options)

    def astype(self, dtype):
        return compute(lambda array: array.astype(dtype), self)


def compute(function, *inputs, out=None, **options):
    """The result of a function of NumPy, in an array of ours."""
    inputs = [memory(x) for x in inputs]
    if out is None:  # its shape is found by computing it, its numbers are not known before it is done
        out = ndarray(np.array(function(*inputs, **options)))
        if out.dtype.kind == "f":
            out.array.fill(np.nan)

    def fill(*inputs):
        memory(out)[...] = function(*inputs, **options)

    do("launches", fill, *inputs)
    return out


def asarray(array, dtype=None) -> ndarray:
    transfer("to device")
    return ndarray(np.array(array, dtype))


def asnumpy(array: ndarray) -> np.ndarray:
    return array.get()


def empty(shape, dtype=float) -> ndarray:
    array = np.empty(shape, dtype)
    array.fill(np.nan if array.dtype.kind == "f" else 77)
    return ndarray(array)


def zeros(shape, dtype=float) -> ndarray:
    return compute(lambda: np.zeros(shape, dtype))


current = threading.local()  # each thread has a current stream of its own


class Stream:
    ptr = 4711

    def __init__(self, non_blocking=False):
        assert non_blocking, "the default stream cannot be captured"

    def use(self):
        current.stream = self

    def __enter__(self):
        self.before, current.stream = getattr(current, "stream", None), self

    def __exit__(self, *_):
        current.stream = self.before

    def synchronize(self):
        transfer("waits")

    def begin_capture(self):
        global recording
        recording = []

    def end_capture(self):
        global recording
        done, recording = recording, None
        return SimpleNamespace(launch=lambda stream: launch(done), done=done)


def get_default_memory_pool():
    return SimpleNamespace(total_bytes=lambda: 0)


def launch(done) -> None:
    counts["graphs"] += 1
    for function, arguments in done:
        function(*arguments)


class CUDARuntimeError(RuntimeError):
    pass


class CUDADriverError(RuntimeError):
    pass


class OutOfMemoryError(MemoryError):
    pass


class RawModule:
    """CUDA source compiled by g++."""

    def __init__(self, code: str, options: tuple):
        self.code = code
        self.library = ctypes.CDLL(str(library_of(code)))

    def get_function(self, name: str):
        types = parameters(self.code)[name]
        function = self.library[f"launch_{name}"]

        def kernel(grid, block, arguments):
            assert recording is None or self.known, "compiled while a graph is captured"
            assert len(types) == len(arguments), f"{name} takes {types}"
            assert getattr(current, "stream", None), f"{name} goes to another stream than the products"
            kept = [argument.array if isinstance(argument, ndarray) else argument for argument in arguments]
            values = [passed(name, kind, argument) for kind, argument in zip(types, kept)]
            pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
            x, y = (*grid, 1)[:2]
            do("launches", lambda *_: function(x, y, block[0], pointers), kept, values)

        self.known = True
        return kernel


def passed(name: str, kind: str, argument) -> np.ndarray:
    """The bytes of an argument, which must have the declared type."""
    known = {"float": "f4", "double": "f8", "int": "i4", "longlong": "i8", "unsignedlonglong": "u8"}
    expected = np.dtype(known[kind.removesuffix("*")])
    assert argument.dtype == expected, f"{name}: {kind} is given {argument.dtype}"
    if kind.endswith("*"):
        assert argument.flags.c_contiguous, f"{name}: an array that is not contiguous"
        return np.array([argument.ctypes.data], np.uintp)
    assert isinstance(argument, np.generic), f"{name}: {type(argument)} has no certain type in C"
    return np.array([argument])


def parameters(code: str) -> dict[str, list[str]]:
    """The types of each kernel's parameters."""
    real = re.search(r"typedef (\w+) real;", code)[1]
    found = {}
    for name, declared in re.findall(r"__global__ void (\w+)\((.*?)\)", code, re.DOTALL):
        kinds = [re.sub(r"\bconst\b|\w+$|\s", "", part.strip()) for part in declared.split(",")]
        found[name] = [re.sub(r"^real\b", real, kind) for kind in kinds]
    return found


def library_of(code: str) -> Path:
    """The library of a source, compiled once."""
    launchers = []
    for name, kinds in parameters(code).items():
        c_kinds = [re.sub("longlong", "long long", kind.replace("unsigned", "unsigned ")) for kind in kinds]
        arguments = ", ".join(f"*({kind}*)arguments[{k}]" for k, kind in enumerate(c_kinds))
        body = code.partition(f"__global__ void {name}(")[2].partition("__global__")[0]
        together = str("__syncthreads" in body or "block_sum" in body).lower()
        launchers.append(
            f'extern "C" void launch_{name}(int x, int y, int threads, void** arguments) '
            f"{{ launch(x, y, threads, {together}, [=] {{ {name}({arguments}); }}); }}"
        )
    shim = Path(__file__).with_name("cuda.h").read_text()
    return build("\n".join([shim, code, *launchers]), "rnnexp-kernels")


def build(whole: str, name: str) -> Path:
    """The library of a C++ source, kept for the next time."""
    digest = hashlib.sha256(whole.encode()).hexdigest()[:24]
    library = Path(tempfile.gettempdir()) / f"{name}-{digest}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory() as folder:
            source, made = Path(folder) / "kernels.cpp", Path(folder) / "kernels.so"
            source.write_text(whole)
            command = ["g++", "-std=c++17", "-O1", "-fPIC", "-shared", "-o", str(made), str(source)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            assert result.returncode == 0, result.stderr
            part = library.with_suffix(f".{os.getpid()}.part")
            part.write_bytes(made.read_bytes())
            with contextlib.suppress(FileExistsError):  # another process was faster, and has loaded its own
                os.link(part, library)
            part.unlink()
    return library


class Cuda(SimpleNamespace):
    @property
    def cublas(self):
        from cupy_backends.cuda.libs import cublas

        return cublas


cuda = Cuda(
    Stream=Stream,
    MemoryPool=lambda: SimpleNamespace(malloc=None, total_bytes=lambda: 0, free_all_blocks=lambda: None),
    using_allocator=lambda malloc: contextlib.nullcontext(),
    Device=lambda: SimpleNamespace(id=0),
    runtime=SimpleNamespace(
        getDeviceCount=lambda: 1,
        CUDARuntimeError=CUDARuntimeError,
        getDeviceProperties=lambda device: {"name": b"stand-in for a GPU"},
        runtimeGetVersion=lambda: 13020,
    ),
    driver=SimpleNamespace(CUDADriverError=CUDADriverError),
    memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
)
