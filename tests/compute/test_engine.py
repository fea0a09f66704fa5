"""The fast engines against NumPy alone: compiled loops, products by another library."""

import math
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest

from rnnexp.compute import cpu, engine, threads
from rnnexp.compute.backend import CPU
from rnnexp.compute.blas import mkl
from rnnexp.compute.workspace import Workspace
from rnnexp.errors import UserError
from rnnexp.nn import loops
from rnnexp.nn.cells.rnn import RNN
from rnnexp.nn.inputs import DenseInputs
from tests.helpers.forced import force_tiles_and_threads, untried
from tests.helpers.variants import CORE, VARIANTS, bound_layer, random_layer


def needs(name):
    reason = f"engine={name} is not installed: pip install {' '.join(engine.missing(name))}"
    return pytest.mark.skipif(bool(engine.missing(name)), reason=reason)


needs_numba, needs_mkl = needs("numba"), needs("mkl")
FAST = [pytest.param("numba", marks=needs_numba)]
FAST += [pytest.param("mkl", marks=pytest.mark.extras)] if "mkl" in engine.installed() else []
COMPILED = pytest.mark.parametrize("fast", FAST)
T, B, D, H = 5, 5, 4, 7


def everything(layer, params, dtype, masks=None):
    """All results of a forward and a backward pass, by name."""
    rng = np.random.default_rng(1)
    x, R, *states = (
        rng.standard_normal(shape).astype(dtype) for shape in [(T, B, D), (T, B, H)] + 8 * [(B, H)]
    )
    number = len(layer.cell.states)
    states[2] = np.abs(states[2]) + 1  # by which one cell divides
    state, dlast = states[:number], states[4 : 4 + number]
    mask = masks and np.broadcast_to(
        rng.integers(0, 2, (T if masks == "each" else 1, B, H)).astype(dtype) * dtype(1.5), (T, B, H)
    )
    workspace = Workspace(dtype, CPU)
    h, last = layer.forward(DenseInputs(x), tuple(state), workspace, mask)
    results = {"h": h.copy()} | {f"last {k}": array.copy() for k, array in enumerate(last)}
    dx, dstate = layer.backward(R, tuple(dlast), workspace)
    results |= {"dx": dx} | {f"dstate {k}": array for k, array in enumerate(dstate)}
    return results | {f"d{name}": grad.copy() for name, grad in params.grad.items()}


# how a layer is used: masks of the recurrent products (each step its own, one for all), a limit through time
USES = [(None, None), ("each", None), ("one", 0.05)]
# the loops of these are compiled here; those of all are run as Python, for each takes numba some seconds
COMPILED_HERE = [param for param in CORE if "bias" not in param.values[1]]
IN_DOUBLE = [param for param in COMPILED_HERE if param.values[0] in ("lstm", "rnn")]
ALL_FUNCTIONS = [param for param in VARIANTS if param.values[0] in ("slstm", "indrnn")]


@pytest.mark.parametrize(
    ("name", "options", "small", "dtype", "tolerance"),
    [
        *(pytest.param(*cell.values, True, np.float64, 1e-12, id=f"{cell.id}-double") for cell in IN_DOUBLE),
        *(pytest.param(*cell.values, False, np.float32, 5e-6, id=cell.id) for cell in COMPILED_HERE),
    ],
)
@COMPILED
def test_same_results_as_the_readable_loops(fast, name, options, dtype, tolerance, small, monkeypatch):
    seen = None if small else force_tiles_and_threads(monkeypatch)
    layer, params = random_layer(name, options, D, H, np.random.default_rng(0), dtype)
    number = 1 if small else 3
    for masks, limit in USES[:2] if small else USES[::2]:
        layer.clip_through_time = limit
        with engine.use("numpy", number):
            readable = everything(layer, params, dtype, masks)
        with engine.use(fast, number):
            assert loops.is_compiled(layer)
            first, again = (everything(layer, params, dtype, masks) for _ in range(2))
        for key, array in readable.items():
            assert array.dtype == first[key].dtype == dtype
            np.testing.assert_array_equal(first[key], again[key])  # to the bit, for resume
            np.testing.assert_allclose(first[key], array, rtol=tolerance, atol=tolerance, err_msg=key)
    if seen:
        assert seen["parts"] == {3}  # 5 rows on 3 threads
        assert seen["tiles"] <= {2}  # 7 columns in tiles of 4


def as_python(source):
    """The module of a source, not compiled."""
    from numba.core import config

    from rnnexp.compute.jit import panels  # noqa: F401  which stay compiled

    names = {}
    with patch.object(config, "DISABLE_JIT", True):
        exec(source, names)
    names |= {"tanh": math.tanh, "sign": np.sign}  # which are for compiled code alone
    return SimpleNamespace(**names)


@needs_numba
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_what_is_written_of_a_cell_computes_what_the_cell_does(name, options, monkeypatch):
    from rnnexp.nn.loops import jit

    monkeypatch.setattr(jit, "module_of", as_python)
    layer, params = random_layer(name, options, D, H, np.random.default_rng(0), np.float64)
    for masks, limit in USES:
        layer.clip_through_time = limit
        with engine.use("numpy"):
            readable = everything(layer, params, np.float64, masks)
        with engine.use("numba"):
            assert loops.is_compiled(layer)
            written = everything(layer, params, np.float64, masks)
        for key, array in readable.items():
            np.testing.assert_allclose(written[key], array, rtol=1e-11, atol=1e-11, err_msg=key)


@pytest.mark.parametrize(("name", "options"), ALL_FUNCTIONS)
@COMPILED
def test_functions_that_few_cells_use(fast, name, options):
    """Also in single precision, and for a cell that has no recurrent product."""
    layer, params = random_layer(name, options, D, H, np.random.default_rng(0), np.float32)
    readable = everything(layer, params, np.float32)
    with engine.use(fast):
        for key, array in everything(layer, params, np.float32).items():
            np.testing.assert_allclose(array, readable[key], rtol=5e-5, atol=5e-5, err_msg=key)


@pytest.mark.parametrize(("name", "options"), CORE)
@COMPILED
def test_a_number_that_is_not_finite_stays_so(fast, name, options):
    """Else a run that diverged would go on as if nothing had happened."""
    layer, _ = random_layer(name, options, D, H, np.random.default_rng(0), np.float32)
    x = np.ones((T, B, D), np.float32)
    x[2, 3, 1] = np.nan
    with engine.use(fast):
        h, _ = layer.forward(DenseInputs(x), layer.zero_state(B), Workspace(np.float32, CPU))
    assert np.isnan(h[2:, 3]).all()
    assert np.isfinite(np.delete(h, 3, axis=1)).all()


def factors(dtype):
    """Pairs of matrices or stacks of them, rows or columns contiguous, thin ones too."""
    rng = np.random.default_rng(0)
    for m, k, n in (5, 7, 3), (1, 7, 3), (5, 1, 3), (5, 7, 1), (1, 1, 1):
        a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
        wide = np.zeros((m, k + 2), dtype)
        wide[:, :k] = a
        for left in a, np.asfortranarray(a), wide[:, :k]:
            for right in b, np.asfortranarray(b):
                yield left, right
        yield a, np.stack([b, 2 * b])
        yield np.stack([a, -a]), b
        yield np.stack([a, -a]), np.stack([b, 2 * b])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.extras) if n == "mkl" else n for n in engine.installed()]
)
def test_products(name, dtype, monkeypatch):
    monkeypatch.setattr(cpu, "WORTH_SHARING", 0)
    monkeypatch.setattr(threads, "parts_alike", untried)
    with engine.use(name, 3):
        for a, b in factors(dtype):
            expected = a.astype(float) @ b.astype(float)
            room = np.full((*expected.shape[:-2], expected.shape[-2] + 1, expected.shape[-1]), np.nan, dtype)
            out = room[..., :-1, :]
            if out.ndim == 2:
                jobs = CPU.matmul_jobs(a, b, out)
                assert len(jobs) == min(3, len(a))
                threads.run_all(jobs)
            else:
                assert CPU.matmul(a, b, out) is out
            np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-6)
            assert np.isnan(room[..., -1, :]).all()


def test_mkl_is_chosen_by_itself_where_it_is_fast(monkeypatch):
    monkeypatch.setattr(engine, "missing", lambda name: [])
    for is_slow, first in (False, "mkl"), (True, "numba"):
        monkeypatch.setattr(mkl, "is_slow_here", lambda slow=is_slow: slow)
        assert engine.fastest() == engine.installed()[0] == first
        assert sorted(engine.installed()) == ["mkl", "numba", "numpy"]


@needs_mkl
@pytest.mark.extras
def test_a_product_has_the_same_bits_wherever_its_factors_lie():
    a, b = np.random.default_rng(0).standard_normal((2, 50, 50)).astype(np.float32)
    results = []
    with engine.use("mkl"):
        for shift in range(5):
            moved = np.empty(50 * 50 + shift, np.float32)[shift:].reshape(50, 50)
            moved[...] = a
            results.append(CPU.matmul(moved, b, np.empty_like(a)))
    assert all((result == results[0]).all() for result in results)


@needs_numba
def test_tanh_in_single_precision():
    from rnnexp.compute.jit import jit, maths

    @jit
    def tanh(x, out):
        for j in range(len(x)):
            out[j] = maths.tanh(x[j])

    x = np.concatenate([np.linspace(-12, 12, 200_001), [0, np.inf, -np.inf, 1e-30]]).astype(np.float32)
    y = np.empty_like(x)
    tanh(x, y)
    exact = np.tanh(x.astype(np.float64))
    assert np.abs(y - exact).max() < 5e-7
    assert np.abs(y).max() == 1
    near = np.abs(x) < 0.5
    np.testing.assert_allclose(y[near], exact[near], rtol=5e-7)


@COMPILED
def test_loops_belong_to_what_a_cell_does_not_to_its_name(fast):
    class Softer(RNN):
        def step(self, arrays, recurrent):
            super().step(arrays, recurrent)
            arrays["h"] *= 0.5

    class Centred(RNN):
        def step(self, arrays, recurrent):
            super().step(arrays, recurrent)
            arrays["h"] -= arrays["h"].mean(axis=1, keepdims=True)

    for changed in RNN, Softer, Centred:
        changed.__name__ = "RNN"
        layer, params = bound_layer(changed(D, H), np.float32)
        params.values[...] = np.random.default_rng(0).standard_normal(len(params.values))
        readable = everything(layer, params, np.float32)
        with engine.use(fast):
            assert loops.is_compiled(layer) is (changed is not Centred)
            for key, array in everything(layer, params, np.float32).items():
                np.testing.assert_allclose(array, readable[key], rtol=1e-4, atol=1e-4)


def test_what_an_engine_lacks_is_named(monkeypatch):
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    monkeypatch.setattr(mkl, "path", lambda: None)
    assert engine.fastest() == "numpy"
    with pytest.raises(UserError, match=r"engine=numba needs numba: .*pip install .*\[numba\]'$"):
        engine.require("numba")
    with pytest.raises(UserError, match=r"engine=mkl needs numba and mkl: .*pip install .*\[mkl\]'$"):
        engine.require("mkl")
    with pytest.raises(UserError, match="engine=fortran must be one of mkl, numba, numpy"):
        engine.require("fortran")


@needs_numba
def test_a_broken_mkl_is_named(monkeypatch, tmp_path):
    broken = tmp_path / "libmkl_rt.so"
    broken.write_bytes(b"no library")
    monkeypatch.setattr(mkl, "path", lambda: broken)
    with pytest.raises(UserError, match=r"engine=mkl cannot load .*libmkl_rt.so .*: say engine=numba"):
        mkl.load.__wrapped__()
