"""NumPy code as CUDA: every function, against NumPy; what becomes of results between two kernels."""

import math
import shutil
import subprocess

import numpy as np
import pytest

from rnnexp.compute import engine, tracer
from rnnexp.compute.tracer import Address, Load, Scalar, Tracer
from rnnexp.compute.workspace import Workspace
from rnnexp.nn.cells import CELLS
from rnnexp.nn.inputs import DenseInputs
from rnnexp.optim.adagrad import Adagrad
from rnnexp.optim.sgd import SGD
from tests.compute import test_gpu
from tests.helpers.variants import VARIANTS, bound_layer, small_model

SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-30, 3.5, -2.0]


@pytest.mark.parametrize("function", tracer.FUNCTIONS, ids=lambda function: function.__name__)
def test_functions(gpu, function):
    a, b = np.meshgrid(SPECIAL, SPECIAL)
    traced = Tracer()
    given = [traced.array(Address(name)) for name in "ab"[: function.nin]]
    function(*given, out=traced.array(Address("out")))
    traced.end_kernel()
    kernel = gpu.kernels(a.dtype).compile({"tried": traced.kernels[0]})["tried"]
    arrays = {"a": gpu.to_device(a), "b": gpu.to_device(b), "out": gpu.empty(a.shape, float)}
    kernel(a.size, 0, 1, arrays)
    with np.errstate(all="ignore"):
        expected = function(*(a, b)[: function.nin])
    np.testing.assert_allclose(gpu.to_host(arrays["out"]), expected, rtol=1e-14)


def test_a_result_is_kept_for_a_later_kernel(gpu):
    traced = Tracer()
    x, out = traced.array(Address("x")), traced.array(Address("out"))
    doubled, more = 2 * x, x + 1
    more *= 3
    traced.end_kernel()
    out[...] = doubled + more
    traced.end_kernel()
    first, second = (
        gpu.kernels(np.dtype(float)).compile({f"k{k}": traced.kernels[k]})[f"k{k}"] for k in (0, 1)
    )
    assert traced.scratch == 2
    numbers = np.arange(5.0)
    arrays = {"x": gpu.to_device(numbers), "out": gpu.empty(5, float), "scratch": gpu.empty((2, 5), float)}
    first(5, 0, 1, arrays)
    second(5, 0, 1, arrays)
    assert (gpu.to_host(arrays["out"]) == 5 * numbers + 3).all()


def test_the_same_place_is_the_same_number():
    """What one step writes as its state, the next one reads as the state before it, without asking memory."""
    traced = Tracer()
    h, same = traced.array(Address("h", 0, 1)), traced.array(Address("h", 0, 1))
    h[...] = traced.array(Address("x")) * 2
    traced.array(Address("out"))[...] = same + 1
    loaded = [s.address.array for s in traced.kernels[0] if isinstance(s, Load)]
    assert loaded == ["x"]


def test_scalars_and_conditions(gpu):
    traced = Tracer()
    values = traced.array(Address("values"))
    values *= traced.array(Scalar("pair", 1))
    traced.end_kernel()
    kernel = gpu.kernels(np.dtype(np.float32)).compile({"k": traced.kernels[0]}, unless="s_pair[0] > 1")["k"]
    for first, expected in (0.0, 6), (2.0, 3):
        arrays = {
            "values": gpu.to_device(np.full(300, 3, np.float32)),
            "pair": gpu.to_device(np.array([first, 2])),
        }
        kernel(300, 0, 1, arrays)
        assert (gpu.to_host(arrays["values"]) == expected).all()


@pytest.mark.parametrize(
    ("code", "named"),
    [
        (lambda x: np.arctan(x), r"np\.arctan: .*add it to FUNCTIONS"),
        (lambda x: np.mean(x), r"np\.mean"),
        (lambda x: np.sum(x, axis=0), r"np\.sum"),
        (lambda x: np.where(x > 0, x, 0), r"np\.greater"),
        (lambda x: np.where(True, x, 0), r"np\.where"),
        (lambda x: np.dot(x, x), r"np\.dot"),
        (lambda x: np.linalg.norm(x), r"np\.linalg\.norm"),
        (lambda x: np.add.reduce(x), r"np\.add\.reduce"),
        (lambda x: np.multiply(x, 2, where=True), r"where= of np\.multiply"),
        (lambda x: x.mean(), r"\.mean of an array"),
        (lambda x: x.sum(), r"\.sum of an array"),
        (lambda x: x.T, r"\.T of an array"),
        (lambda x: x.shape, r"\.shape of an array"),
        (lambda x: x[0], r"a part of an array, \[0\]"),
        (lambda x: x.__setitem__(slice(None), 0), r"assignment to a part"),
        (lambda x: x or 1, r"a decision by the value of an array"),
        (lambda x: len(x), r"len\(\) of an array"),
        (lambda x: list(x), r"a loop over an array"),
        (lambda x: float(x), r"float\(\) of an array"),
        (lambda x: np.asarray(x), r"an array of the step where NumPy needs its own"),
        (lambda x: x + np.ones(3), r"a ndarray beside arrays of the step"),
        (lambda x: np.clip(x, 0, np.inf), r"the number inf"),
    ],
)
def test_what_is_not_known_is_refused_by_name(code, named):
    with pytest.raises(NotImplementedError, match=f"compiled code cannot use {named}"):
        code(Tracer().array(Address("x")))


def test_what_a_whole_cell_must_not_do_is_refused_by_name(gpu):
    """On the CPU it would run: as something else than on a GPU, had it not been refused."""

    class Centred(CELLS["rnn"]):
        def step(self, arrays, recurrent):
            super().step(arrays, recurrent)
            arrays["h"] -= np.mean(arrays["h"])

    class Twice(CELLS["rnn"]):
        def step(self, arrays, recurrent):
            recurrent("n", arrays["h_prev"])
            super().step(arrays, recurrent)

    for cell, named in (Centred, r"np\.mean"), (Twice, "the recurrent product 'n' twice in a step"):
        layer, _ = bound_layer(cell(4, 6), float, gpu)
        x, workspace = DenseInputs(gpu.zeros((2, 3, 4), float)), Workspace(np.dtype(float), gpu)
        with pytest.raises(NotImplementedError, match=named):
            layer.forward(x, layer.zero_state(3), workspace)


def test_a_constant_fills_an_array(gpu):
    traced = Tracer()
    traced.array(Address("out"))[...] = 0.5
    traced.end_kernel()
    kernel = gpu.kernels(np.dtype(float)).compile({"k": traced.kernels[0]})["k"]
    arrays = {"out": gpu.zeros(4, float)}
    kernel(4, 0, 1, arrays)
    assert gpu.to_host(arrays["out"]).tolist() == [0.5] * 4


@pytest.mark.skipif(not shutil.which("nvcc"), reason="no nvcc")
def test_nvcc_takes_every_kernel(gpu, standin, tmp_path, monkeypatch):
    """The stand-in compiles them by g++, which is more lenient."""
    sources = []
    compile_them = type(gpu).compile

    def keep(self, source, names):
        sources.append(source)
        return compile_them(self, source, names)

    monkeypatch.setattr(type(gpu), "compile", keep)
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
