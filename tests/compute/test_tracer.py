"""NumPy code as CUDA: every function, against NumPy; what becomes of results between two kernels."""

import math
import shutil
import subprocess

import numpy as np
import pytest

from rnnexp.compute import engine
from rnnexp.compute.cuda import kernels, tracer
from rnnexp.compute.cuda.tracer import Address, Scalar, Trace
from rnnexp.optim.adagrad import Adagrad
from rnnexp.optim.sgd import SGD
from tests.compute import test_gpu
from tests.helpers.variants import VARIANTS, small_model

SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-30, 3.5, -2.0]


@pytest.mark.parametrize("function", tracer.FUNCTIONS, ids=lambda function: function.__name__)
def test_functions(gpu, function):
    a, b = np.meshgrid(SPECIAL, SPECIAL)
    trace = Trace()
    given = [trace.stack(Address(name)) for name in "ab"[: function.nin]]
    function(*given, out=trace.stack(Address("out")))
    trace.end_kernel()
    kernel = kernels.of(a.dtype).compile({"tried": trace.kernels[0]})["tried"]
    arrays = {"a": gpu.to_device(a), "b": gpu.to_device(b), "out": gpu.empty(a.shape, float)}
    kernel(a.size, 0, 1, arrays)
    with np.errstate(all="ignore"):
        expected = function(*(a, b)[: function.nin])
    np.testing.assert_allclose(gpu.to_host(arrays["out"]), expected, rtol=1e-14)


def test_a_result_is_kept_for_a_later_kernel(gpu):
    trace = Trace()
    x, out = trace.stack(Address("x")), trace.stack(Address("out"))
    doubled, more = 2 * x, x + 1
    more *= 3
    trace.end_kernel()
    out[...] = doubled + more
    trace.end_kernel()
    first, second = (
        kernels.of(np.dtype(float)).compile({f"k{k}": trace.kernels[k]})[f"k{k}"] for k in (0, 1)
    )
    assert trace.scratch == 2
    numbers = np.arange(5.0)
    arrays = {"x": gpu.to_device(numbers), "out": gpu.empty(5, float), "scratch": gpu.empty((2, 5), float)}
    first(5, 0, 1, arrays)
    second(5, 0, 1, arrays)
    assert (gpu.to_host(arrays["out"]) == 5 * numbers + 3).all()


def test_the_same_place_is_the_same_number():
    """What one step writes as its state, the next one reads as the state before it, without asking memory."""
    trace = Trace()
    h, same = trace.stack(Address("h", 0, 1)), trace.stack(Address("h", 0, 1))
    h[...] = trace.stack(Address("x")) * 2
    trace.stack(Address("out"))[...] = same + 1
    assert not any("h[" in line for line in trace.kernels[0])


def test_scalars_and_conditions(gpu):
    trace = Trace()
    values = trace.stack(Address("values"))
    values *= trace.stack(Scalar("pair", 1))
    trace.end_kernel()
    kernel = kernels.of(np.dtype(np.float32)).compile({"k": trace.kernels[0]}, unless="s_pair[0] > 1")["k"]
    for first, expected in (0.0, 6), (2.0, 3):
        arrays = {
            "values": gpu.to_device(np.full(300, 3, np.float32)),
            "pair": gpu.to_device(np.array([first, 2])),
        }
        kernel(300, 0, 1, arrays)
        assert (gpu.to_host(arrays["values"]) == expected).all()


def test_a_function_that_is_not_known_is_named():
    with pytest.raises(NotImplementedError, match=r"does not know np.arctan: add it to FUNCTIONS"):
        np.arctan(Trace().stack(Address("x")))


@pytest.mark.skipif(not shutil.which("nvcc"), reason="no nvcc")
def test_nvcc_takes_every_kernel(gpu, standin, tmp_path, monkeypatch):
    """The stand-in compiles them by g++, which is more lenient."""
    sources = []
    compile_them = type(gpu).kernels

    def get_or_create(self, source, names):
        sources.append(source)
        return compile_them(self, source, names)

    monkeypatch.setattr(type(gpu), "kernels", get_or_create)
    for name, options in (param.values for param in VARIANTS):
        shape = {"dropout": 0.4, "recurrent_dropout": 0.3, "clip_through_time": 0.1, "dtype": np.float32}
        model = small_model(name, options, **shape, where=gpu)
        with engine.use("fused"):
            test_gpu.step(model)
            for optimizer in SGD(1.0, 0.2), Adagrad(1.0, clip_value=0.1):
                optimizer.update(model.params, 1.0)
    assert len(sources) > 8
    file = tmp_path / "all.cu"
    once = "\n".join(f"namespace n{k} {{ {source} }}" for k, source in enumerate(sources))
    file.write_text(once.replace('extern "C" ', ""))
    command = [
        "nvcc",
        "-std=c++17",
        "-arch=sm_90",
        "-Werror=all-warnings",
        "-ptx",
        "-o",
        "/dev/null",
        str(file),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
