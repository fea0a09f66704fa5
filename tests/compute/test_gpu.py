"""The GPU beside the CPU: the same numbers from every part, and no waiting in a step.

Where there is no GPU a stand-in takes its place, see tests/fake_cupy.
"""

import gc
import itertools
import math
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

from rnnexp import optim
from rnnexp.compute import backend, engine
from rnnexp.compute.cuda import cublas
from rnnexp.compute.cuda import gpu as gpu_module
from rnnexp.compute.workspace import Workspace
from rnnexp.errors import UserError
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.evaluation.sampling import sample
from rnnexp.nn import loops
from rnnexp.nn.cells import CELLS
from rnnexp.nn.cells.base import Cell
from rnnexp.nn.inputs import DenseInputs
from rnnexp.nn.model import arrays_of
from rnnexp.optim.sgd import SGD
from rnnexp.training.step import make as make_step
from tests.helpers.gradcheck import check_gradients
from tests.helpers.variants import CORE, OTHERS, REGULARISED, VARIANTS, bound_layer, random_state, small_model

T, B, V = 4, 3, 11
ENGINES = pytest.mark.parametrize("name_of_engine", ["fused", "cupy"])


def window(seed=1):
    """Inputs and targets, some of them nothing."""
    rng = np.random.default_rng(seed)
    return rng.integers(-1, V, size=(2, T, B)).astype(np.int32)


def step(model, key=(7, 3), grad_scale=0.2):
    """Everything that a window gives, by name, in NumPy's arrays."""
    there, here = model.backend.to_device, model.backend.to_host
    state, dlast = ([tuple(map(there, layer)) for layer in random_state(model, seed)] for seed in (2, 4))
    workspace = model.workspace()
    nats, after = model.forward(*map(there, window()), state, workspace, key, grad_scale)
    before = model.backward(workspace, dlast)
    found = {"nats": np.array(float(nats)), "grads": here(model.params.grads)}
    for name, layers in ("after", after), ("before", before):
        found |= {f"{name} {k}": here(array) for k, array in enumerate(arrays_of(layers))}
    return found


def assert_same(found, expected, rtol, atol=None):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol, rtol if atol is None else atol, err_msg=name)


SHAPES = [
    {},
    {"num_layers": 3, "tie": True, "dropout": 0.4},
    {"num_layers": 2, "recurrent_dropout": 0.3, "clip_through_time": 0.01},
    {"num_layers": 2, "dropout": 0.4, "recurrent_dropout": 0.3, "variational": True},
    {"one_hot": True},
    {"sizes": [7, 5], "tie": True, **REGULARISED},
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: ",".join(shape) or "plain")
@pytest.mark.parametrize(("name", "options"), CORE)
@ENGINES
def test_a_window_gives_the_same_numbers(gpu, name_of_engine, name, options, shape):
    expected = step(small_model(name, options, **shape))
    with engine.use(name_of_engine):
        assert_same(step(small_model(name, options, **shape, where=gpu)), expected, 1e-11)


@pytest.mark.parametrize(("name", "options"), OTHERS)
def test_a_window_of_any_cell_gives_the_same_numbers(gpu, name, options):
    shape = {"num_layers": 2, "recurrent_dropout": 0.3, "clip_through_time": 0.01}
    expected = step(small_model(name, options, **shape))
    with engine.use("fused"):
        assert_same(step(small_model(name, options, **shape, where=gpu)), expected, 1e-10)


@pytest.mark.parametrize(("name", "options"), CORE)
def test_a_window_gives_the_same_numbers_in_single_precision(gpu, name, options):
    shape = {"num_layers": 2, "dropout": 0.4, "dtype": np.float32}
    expected = step(small_model(name, options, **shape))
    with engine.use("fused"):
        assert_same(step(small_model(name, options, **shape, where=gpu)), expected, 2e-5)


@pytest.mark.parametrize("most_rows", [0, 64])
@pytest.mark.parametrize(("name", "options"), CORE)
def test_the_kernel_of_few_rows_and_cublas_give_the_same_numbers(gpu, name, options, most_rows, monkeypatch):
    monkeypatch.setattr(loops.cuda, "MOST_ROWS", most_rows)
    expected = step(small_model(name, options, num_layers=2, recurrent_dropout=0.3))
    with engine.use("fused"):
        found = step(small_model(name, options, num_layers=2, recurrent_dropout=0.3, where=gpu))
        assert_same(found, expected, 1e-11)


@pytest.mark.parametrize("length", [1, 2])
def test_the_shortest_windows(gpu, length, monkeypatch):
    monkeypatch.setitem(globals(), "T", length)
    for name, options in (param.values for param in CORE):
        expected = step(small_model(name, options))
        assert_same(step(small_model(name, options, where=gpu)), expected, 1e-11)


@pytest.mark.parametrize(("name", "options"), CORE)
@ENGINES
def test_gradients(gpu, name_of_engine, name, options):
    more = {"recurrent_dropout": 0.3, "clip_through_time": None}
    model = small_model(name, options, num_layers=2, tie=True, dropout=0.4, where=gpu, **more)
    tokens, state = list(map(gpu.to_device, window())), random_state(model)
    values = {key: gpu.to_host(value) for key, value in model.params.value.items()}
    arrays = values | {f"state {k}": array for k, array in enumerate(arrays_of(state))}

    def forward(workspace, grad_scale=None):
        model.params.set(values)
        there = [tuple(map(gpu.to_device, layer)) for layer in state]
        return float(model.forward(*tokens, there, workspace, (7, 3), grad_scale)[0]) / 5

    with engine.use(name_of_engine):
        workspace = model.workspace()
        forward(workspace, 1 / 5)
        before = arrays_of(model.backward(workspace))
        grads = {key: gpu.to_host(grad) for key, grad in model.params.grad.items()}
        grads |= {f"state {k}": gpu.to_host(array) for k, array in enumerate(before)}
        rng = np.random.default_rng(0)
        check_gradients(lambda: forward(model.workspace()), arrays, grads, rng, directions=1)


DEEP = {"num_layers": 2, "tie": True, "dropout": 0.3}


def train(
    where, name_of_engine, number=32, optimizer=None, dtype=np.float32, name="lstm", options=None, shape=DEEP
):
    """Nats and norms of training steps on windows of two lengths; parameters and state after them."""
    model = small_model(name, options, dtype=dtype, where=where, **shape)
    rng = np.random.default_rng(5)
    windows = [rng.integers(V, size=(2, 5 if k % 7 else 3, B)).astype(np.int32) for k in range(number)]
    there = [tuple(map(where.to_device, pair)) for pair in windows]
    found = []
    with engine.use(name_of_engine):
        taken = make_step(model, optimizer or SGD(0.5, 0.25), 1, B)
        for k, pair in enumerate(there):
            if k % 15 == 0:
                taken.reset_state()
            taken.run(*pair, k, 0.5 if k < 25 else 0.1, 1 / 15)
            if (k + 1) % taken.sync_every == 0 or k == number - 1:
                found += taken.results()
        state = np.concatenate([where.to_host(array) for array in arrays_of(taken.state)])
    return np.array(found), where.to_host(model.params.values), state


OPTIMIZERS = {
    name: lambda make=make: make(0.5, clip_norm=1.0, clip_value=0.1)
    for name, make in optim.OPTIMIZERS.items()
}
OPTIMIZERS["sgd"] = lambda: SGD(0.5, 0.25)
OPTIMIZERS["momentum"] = lambda: SGD(0.5, 0.25, momentum=0.5, weight_decay=0.01)
# at this rate it is chaos where it divides by small numbers
OPTIMIZERS["rmsprop"] = lambda: optim.OPTIMIZERS["rmsprop"](0.5, epsilon=1.0, weight_decay=0.01)


@cache
def trained_here(optimizer, dtype):
    """The same on the CPU, with which three engines are compared."""
    return train(backend.CPU, "numpy", optimizer=OPTIMIZERS[optimizer](), dtype=dtype)


@pytest.mark.parametrize(
    ("optimizer", "dtype", "tolerance"),
    [
        ("sgd", np.float64, 1e-10),
        ("sgd", np.float32, 2e-5),
        ("adagrad", np.float64, 1e-9),  # it divides by tiny numbers at first, which makes much of rounding
        *((name, np.float64, 1e-9) for name in sorted(OPTIMIZERS.keys() - {"sgd", "adagrad"})),
    ],
)
@pytest.mark.parametrize("name_of_engine", engine.GPU_ENGINES)
def test_training_steps(gpu, name_of_engine, optimizer, dtype, tolerance):
    here = trained_here(optimizer, dtype)
    there = train(gpu, name_of_engine, optimizer=OPTIMIZERS[optimizer](), dtype=dtype)
    for found, expected in zip(there, here, strict=True):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "shape",
    [{"dropout": 0.3, "recurrent_dropout": 0.2}, DEEP, {"num_layers": 2, **REGULARISED}],
    ids=["one", "two", "regularised"],
)
@pytest.mark.parametrize(("name", "options"), CORE)
def test_training_steps_of_several_cells(gpu, name, options, shape):
    given = {"dtype": np.float64, "name": name, "options": options, "shape": shape}
    here, there = train(backend.CPU, "numpy", **given), train(gpu, "graph", **given)
    for found, expected in zip(there, here, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_the_same_steps_give_the_same_bits(gpu):
    first, again = train(gpu, "graph", 12), train(gpu, "graph", 12)
    assert (first[0] == again[0]).all()
    assert (first[1] == again[1]).all()
    assert (train(gpu, "fused", 12)[1] == first[1]).all()


def test_another_thread_takes_the_same_steps(gpu):
    here = train(gpu, "graph", 4)
    with ThreadPoolExecutor() as pool:
        there = pool.submit(train, gpu, "graph", 4).result()
    for found, expected in zip(there, here, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_step_neither_waits_nor_launches_much(gpu, standin):
    model = small_model("gru", num_layers=2, dropout=0.3, tie=True, dtype=np.float32, where=gpu)
    tokens = tuple(map(gpu.to_device, window()))
    with engine.use("graph"):
        taken = make_step(model, SGD(0.5, 0.25), 1, B)
        for k in range(2):  # once as it is, once captured
            taken.run(*tokens, k, 0.5, 1 / 12)
        standin.counts.clear()
        for k in range(2, 12):
            taken.run(*tokens, k, 0.5, 1 / 12)
        # per step: its number, the learning rate, two tokens, the result; what the graph does is one launch
        assert standin.counts == {"graphs": 10, "launches": 50}
        assert len(taken.results()) == 12
        assert standin.counts["to host"] == 1


def test_a_step_before_it_is_captured_does_not_wait_either(gpu, standin, monkeypatch):
    monkeypatch.setattr(loops.cuda, "MOST_ROWS", 64)
    model = small_model("lstm", num_layers=2, dropout=0.3, dtype=np.float32, where=gpu)
    tokens = tuple(map(gpu.to_device, window()))
    with engine.use("fused"):
        taken = make_step(model, SGD(0.5, 0.25), 1, B)
        standin.counts.clear()
        taken.run(*tokens, 0, 0.5, 1 / 12)
    assert not standin.counts["to host"]
    assert not standin.counts["to device"]
    # for each step and layer two kernels forward and two backward, one of them a product; the rest does not grow with T
    assert standin.counts["products"] == 2 * (1 + 1 + 4 + 1 + 1) + 4
    assert standin.counts["launches"] < 2 * 2 * 2 * T + 60


def test_a_graph_keeps_what_it_works_on(gpu, monkeypatch):
    """The GPU would not: it writes to wherever the arrays were."""
    model, workspaces = small_model(dtype=np.float32, where=gpu), []
    make = model.workspace

    def watched(*lender):
        workspace = make(*lender)
        workspaces.append(weakref.ref(workspace))
        return workspace

    monkeypatch.setattr(model, "workspace", watched)
    with engine.use("graph"):
        taken = make_step(model, SGD(0.5, 0.25), 1, B)
        for k in range(4):
            taken.run(*map(gpu.to_device, window()), k, 0.5, 1 / 12)
    gc.collect()
    assert workspaces
    assert all(workspace() for workspace in workspaces)


def test_losses_that_are_not_finite_change_nothing(gpu):
    model = small_model(dtype=np.float32, where=gpu)
    model.params.grads.fill(math.nan)
    before = gpu.to_host(model.params.values)
    for name in engine.GPU_ENGINES:
        with engine.use(name):
            assert math.isnan(float(SGD(1.0, 0.25).update(model.params, 1.0)))
    assert (gpu.to_host(model.params.values) == before).all()


@pytest.mark.parametrize("end", [None, 0])
@ENGINES
def test_evaluation_and_samples(gpu, name_of_engine, end):
    tokens = np.random.default_rng(0).integers(V, size=400).astype(np.int32)
    tokens[-1] = 0
    model = small_model("gru", num_layers=2)
    expected = [evaluate(model, tokens, streams, end) for streams in (1, 3)]
    here, there = np.zeros((2, 400))
    evaluate(model, tokens, 3, end, here)
    texts = sample(model, [1, 2], 20, np.random.default_rng(0), 3, end)
    model = small_model("gru", num_layers=2, where=gpu)
    with engine.use(name_of_engine):
        assert [evaluate(model, tokens, streams, end) for streams in (1, 3)] == pytest.approx(expected)
        evaluate(model, tokens, 3, end, there)
        assert sample(model, [1, 2], 20, np.random.default_rng(0), 3, end) == texts
    np.testing.assert_allclose(there, here, rtol=1e-5)


# The kernels one by one


@pytest.mark.parametrize("rows", [1, 3, 10, 11, 25, 64])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-13)])
def test_products_of_few_rows(gpu, rows, dtype, tolerance):
    rng = np.random.default_rng(rows)
    for G, size in (1, 5), (3, 33), (2, 130):
        weights = rng.standard_normal((G, size, size)).astype(dtype)
        by_columns = gpu.to_device(np.ascontiguousarray(weights.swapaxes(1, 2))).swapaxes(1, 2)
        out = gpu.empty((G, rows, size), dtype)
        for shape in (rows, size), (G, rows, size):
            a = rng.standard_normal(shape).astype(dtype)
            gpu.kernels(out.dtype).matmul_few_rows(gpu.to_device(a), by_columns, out)
            expected = np.matmul(a.astype(float), weights)
            np.testing.assert_allclose(gpu.to_host(out), expected, tolerance * 10, tolerance * 20)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 1023, 70_000])
def test_dropout_masks_have_the_same_bits(gpu, size):
    for dtype, key in itertools.product([np.float32, np.float64], [(0, 0, 0), (2**63 - 1, 2**31, 5)]):
        here, there = np.empty(size, dtype), gpu.empty(size, dtype)
        for where, array in (backend.CPU, here), (gpu, there):
            where.dropout_mask(0.3, key, array)
        assert (gpu.to_host(there) == here).all()


@pytest.mark.parametrize("columns", [1, 5, 256, 1000])
@pytest.mark.parametrize("grad_scale", [None, 0.3])
def test_softmax(gpu, columns, grad_scale):
    rng = np.random.default_rng(0)
    logits = 30 * rng.standard_normal((6, columns))
    bias, targets = (
        rng.standard_normal(columns),
        np.array([0, -1, columns - 1, -1, columns // 2, 0], np.int32),
    )
    there = list(map(gpu.to_device, (logits, bias, targets)))
    each, each_there = np.empty(6), gpu.empty(6, np.float64)
    nats = gpu.softmax_cross_entropy(*there, grad_scale, each_there)
    assert float(nats) == pytest.approx(
        backend.CPU.softmax_cross_entropy(logits, bias, targets, grad_scale, each)
    )
    np.testing.assert_allclose(gpu.to_host(each_there), each, rtol=1e-12, atol=1e-15)
    assert each.sum() == pytest.approx(float(nats))
    assert (each[targets < 0] == 0).all()
    if grad_scale:
        np.testing.assert_allclose(gpu.to_host(there[0]), logits, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_logit_that_is_not_finite_makes_the_loss_so(gpu, bad):
    logits = np.zeros((2, 300), np.float32)
    logits[1, 299] = bad
    arrays = logits, np.zeros(300, np.float32), np.zeros(2, np.int32)
    assert not math.isfinite(float(gpu.softmax_cross_entropy(*map(gpu.to_device, arrays), 1.0)))


def test_rows_are_taken_and_added(gpu):
    rng = np.random.default_rng(0)
    for columns in 1, 5, 300:
        table, rows = rng.standard_normal((7, columns)), rng.standard_normal((200, columns))
        index = rng.integers(-1, 5, size=200).astype(np.int32)
        there = list(map(gpu.to_device, (table, index, rows)))
        taken = gpu.empty((200, columns), float)
        gpu.take_rows(*there[:2], taken)
        np.testing.assert_array_equal(gpu.to_host(taken), np.where(index[:, None] < 0, 0, table[index]))
        gpu.add_rows(*there)
        backend.CPU.add_rows(table, index, rows)
        np.testing.assert_allclose(gpu.to_host(there[0]), table, rtol=1e-12)


def test_norm_and_factor(gpu):
    numbers = np.random.default_rng(0).standard_normal(300_000)
    there = gpu.to_device(numbers)
    norm = np.linalg.norm(numbers)
    found = gpu.kernels(numbers.dtype).norm_and_factor(there, 0.25)
    np.testing.assert_allclose(gpu.to_host(found), [norm, 0.25 / norm], rtol=1e-12)
    assert gpu.to_host(gpu.kernels(numbers.dtype).norm_and_factor(there, None))[1] == 1


def factors(dtype):
    """Pairs of matrices or stacks of them, rows or columns contiguous, parts of wider ones, thin ones."""
    rng = np.random.default_rng(0)
    for m, k, n in (5, 7, 3), (1, 7, 3), (5, 1, 3), (5, 7, 1), (1, 1, 1):
        a, b = rng.standard_normal((2, m, k)).astype(dtype), rng.standard_normal((2, k, n)).astype(dtype)
        yield from [(a[0], b[0]), (a[0], b), (a, b[0]), (a, b)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products(gpu, dtype):
    for a, b in factors(dtype):
        expected = a.astype(float) @ b.astype(float)
        flipped = [gpu.to_device(np.ascontiguousarray(x.swapaxes(-1, -2))).swapaxes(-1, -2) for x in (a, b)]
        wide = gpu.to_device(np.concatenate([a, a], axis=-1))[..., : a.shape[-1]]
        for left in gpu.to_device(a), flipped[0], wide:
            for right in gpu.to_device(b), flipped[1]:
                out = gpu.empty(expected.shape, dtype)
                assert gpu.matmul(left, right, out) is out
                np.testing.assert_allclose(gpu.to_host(out), expected, rtol=1e-5, atol=1e-6)
                gpu.add_matmul(left, right, None, out)
                np.testing.assert_allclose(gpu.to_host(out), 2 * expected, rtol=1e-5, atol=1e-6)


def test_tf32_is_off_unless_asked_for(gpu, standin):
    state = sys.modules["cupy_backends.cuda.libs.cublas"].state
    with engine.use("graph"):
        assert state["math mode"] == cublas.DEFAULT_MATH
    with engine.use("graph", tf32=True):
        assert state["math mode"] == cublas.TF32_MATH


# A cell that asks more of the tracer than ours do


class Odd(Cell):
    """Results that outlive a product, a product of several results, one of a result, unequal inputs."""

    gates, input_gates = "abq", "ab"
    recurrent_matmuls = {"ab": "h_prev", "q": "scaled"}
    saved = ("scaled",)

    def step(self, arrays, recurrent):
        half = np.exp(-np.square(arrays["h_prev"]))
        arrays["ab"] += recurrent("ab", arrays["h_prev"])
        np.tanh(arrays["ab"], out=arrays["ab"])
        np.multiply(arrays["a"], half, out=arrays["scaled"])
        arrays["q"] += recurrent("q", arrays["scaled"])
        arrays["h"][...] = arrays["q"] * half + arrays["b"]

    def local_gradients(self, arrays, grads):
        np.subtract(1, arrays["ab"] * arrays["ab"], out=grads["ab"])

    def step_backward(self, arrays, grads, recurrent, dh):
        half = np.exp(-np.square(arrays["h_prev"]))
        dhalf = dh * arrays["q"]
        grads["b"] *= dh
        np.multiply(dh, half, out=grads["q"])
        dscaled = recurrent.back("q", grads["q"])
        dhalf += dscaled * arrays["a"]
        grads["a"] *= dscaled * half
        dh[...] = recurrent.back("ab", grads["ab"]) - 2 * dhalf * half * arrays["h_prev"]


def odd_results(where):
    rng = np.random.default_rng(0)
    layer, params = bound_layer(Odd(4, 6), float, where)
    params.set(params.split(rng.normal(0, 0.4, len(params.values))))
    x, R, h, dh = (
        where.to_device(rng.standard_normal(shape)) for shape in [(T, B, 4), (T, B, 6), (B, 6), (B, 6)]
    )
    workspace = Workspace(np.dtype(float), where)
    out, (last,) = layer.forward(DenseInputs(x), (h,), workspace)
    dx, (before,) = layer.backward(R, (dh,), workspace)
    found = {"out": out, "last": last, "dx": dx, "before": before, "grads": params.grads}
    return {key: where.to_host(array) for key, array in found.items()}


@ENGINES
def test_a_cell_of_another_kind(gpu, name_of_engine):
    with engine.use(name_of_engine):
        assert_same(odd_results(gpu), odd_results(backend.CPU), 1e-11)


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_one_kernel_between_two_products(gpu, standin, name, options, monkeypatch):
    """Whatever a cell computes in a step."""
    monkeypatch.setattr(loops.cuda, "MOST_ROWS", 64)
    layer, _ = bound_layer(CELLS[name](4, 6, **options), float, gpu)
    x, h = gpu.zeros((T, B, 4), float), layer.zero_state(B)
    made = []
    for _ in range(2):
        workspace = Workspace(np.dtype(float), gpu)
        w = layer.forward(DenseInputs(x), h, workspace) and workspace["window"]
        standin.counts.clear()
        loops.forward(layer, w, None, workspace)
        made.append(dict(standin.counts))
    number = len(layer.cell.recurrent_matmuls)
    assert "products" not in made[-1]  # each is a kernel of ours
    # one more where there is something to do before the first product, or no product; a copy of all weights
    copies = number + len(layer.cell.diagonals)
    assert made[-1]["launches"] - copies in (2 * T * number, 2 * T * number + 1)


# What can be missing


def test_no_cupy(monkeypatch):
    monkeypatch.setattr(gpu_module, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^device=gpu needs CuPy: .* install -e '.*\[cuda13\]'; where "):
        backend.load_cupy()


def test_no_gpu(standin, monkeypatch):
    runtime = backend.load_cupy().cuda.runtime

    def fails():
        raise standin.cuda.runtime.CUDARuntimeError(
            "cudaErrorInsufficientDriver: CUDA driver version is insufficient"
        )

    monkeypatch.setattr(runtime, "getDeviceCount", fails)
    with pytest.raises(
        UserError, match=r"finds no GPU \(cudaErrorInsufficientDriver: .*nvidia-smi.*device=cpu"
    ):
        backend.load_cupy()
    monkeypatch.setattr(runtime, "getDeviceCount", lambda: 0)
    with pytest.raises(UserError, match="finds no GPU: see what nvidia-smi lists"):
        backend.load_cupy()


def test_a_gpu_that_cannot_be_used(standin, monkeypatch):
    def fails(**_):
        raise standin.cuda.runtime.CUDARuntimeError("cudaErrorDevicesUnavailable: busy")

    backend.gpu.cache_clear()
    monkeypatch.setattr(standin.cuda, "Stream", fails)
    with pytest.raises(
        UserError, match=r"cannot use the GPU \(cudaErrorDevicesUnavailable: busy\): see nvidia-smi"
    ):
        backend.gpu()
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(gpu_module, "find_spec", lambda name: name)
    with pytest.raises(UserError, match=r"cannot load CuPy \(import of cupy halted"):
        backend.load_cupy()


def test_unknown_engines():
    with pytest.raises(UserError, match="engine=numba must be one of graph, fused, cupy where device=gpu"):
        engine.require("numba", "gpu")
    with pytest.raises(UserError, match="engine=graph must be one of mkl, numba, numpy where device=cpu"):
        engine.require("graph")


def test_too_little_memory(gpu, standin):
    def asks(error):
        with gpu.errors_in_words():
            raise error

    message = "^the GPU has too little memory .*train.batch_size"
    with pytest.raises(UserError, match=message):
        asks(standin.OutOfMemoryError("Out of memory allocating 4,000 bytes"))
    for error in (
        standin.cuda.runtime.CUDARuntimeError("cudaErrorMemoryAllocation: out of memory"),
        standin.cuda.driver.CUDADriverError("CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
    ):
        with pytest.raises(UserError, match=message):
            asks(error)
    state = sys.modules["cupy_backends.cuda.libs.cublas"].state
    state["status"] = cublas.ALLOC_FAILED
    with pytest.raises(UserError, match=message), gpu.errors_in_words():
        gpu.cublas.use_tf32(True)
    with pytest.raises(standin.cuda.runtime.CUDARuntimeError):
        asks(standin.cuda.runtime.CUDARuntimeError("cudaErrorIllegalAddress"))
    state["status"] = 14
    with pytest.raises(RuntimeError, match="cublasSetMathMode failed with status 14"):
        gpu.cublas.use_tf32(True)
    state["status"] = 0


def test_one_process_can_use_both(gpu):
    tokens = np.arange(40, dtype=np.int32) % V
    here, there = (small_model("rnn", where=where) for where in (backend.CPU, gpu))
    with engine.use("numpy"):
        expected = evaluate(here, tokens)
        with engine.use("fused"):
            assert evaluate(there, tokens) == pytest.approx(expected)
        assert evaluate(here, tokens) == expected


def test_cells_are_what_the_stand_in_was_tried_with():
    assert {param.values[0] for param in VARIANTS} == set(CELLS)
