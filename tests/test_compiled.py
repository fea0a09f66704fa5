"""The compiled time loops against the readable ones."""

import numpy as np
import pytest

from rnnexp import compiled, threads
from rnnexp.cells import CELLS, base
from rnnexp.errors import UserError
from rnnexp.inputs import Vectors
from rnnexp.params import Tape
from tests.variants import VARIANTS, bound_cell

pytest.importorskip("numba", reason="numba is not installed: pip install 'rnnexp[compiled]'")
T, B, D, H = 5, 5, 4, 7


def everything(cell, params, dtype):
    """All results of a forward and a backward pass, by name."""
    rng = np.random.default_rng(1)
    x, R, *states = (
        rng.standard_normal(shape).astype(dtype) for shape in [(T, B, D), (T, B, H)] + 4 * [(B, H)]
    )
    state, dlast = states[: len(cell.states)], states[2 : 2 + len(cell.states)]
    tape = Tape(dtype)
    h, last = cell.forward(Vectors(x), tuple(state), tape)
    results = {"h": h.copy()} | {f"last {k}": array.copy() for k, array in enumerate(last)}
    dx, dstate = cell.backward(R, tuple(dlast), tape)
    results |= {"dx": dx} | {f"dstate {k}": array for k, array in enumerate(dstate)}
    return results | {f"d{name}": grad.copy() for name, grad in params.grad.items()}


@pytest.mark.parametrize("tiles", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 5e-6)])
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_same_results_as_the_readable_loops(name, options, dtype, tolerance, tiles, monkeypatch):
    if tiles:  # of 4 columns of 7, on threads
        monkeypatch.setattr(base, "SMALL_PRODUCT", 0)
        monkeypatch.setattr(base, "TILES", (4,))
        for least in "WORTH_SHARING", "WORTH_SHARING_COMPILED":
            monkeypatch.setattr(base, least, 0)
        monkeypatch.setattr(base, "LEAST_STREAMS", 1)
    cell, params = bound_cell(name, options, D, H, np.random.default_rng(0), dtype)
    with threads.use(3 if tiles else 1):
        readable = everything(cell, params, dtype)
        cell.compile()
        assert cell.loops, "this cell has no compiled loops"
        fast, again = everything(cell, params, dtype), everything(cell, params, dtype)
    for key, array in readable.items():
        assert array.dtype == fast[key].dtype == dtype
        np.testing.assert_array_equal(fast[key], again[key])  # to the bit, for resume
        np.testing.assert_allclose(fast[key], array, rtol=tolerance, atol=tolerance, err_msg=key)


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_a_number_that_is_not_finite_stays_so(name, options):
    """Else a run that diverged would go on as if nothing had happened."""
    cell, _ = bound_cell(name, options, D, H, np.random.default_rng(0), np.float32)
    cell.compile()
    x = np.ones((T, B, D), np.float32)
    x[2, 3, 1] = np.nan
    h, _ = cell.forward(Vectors(x), cell.zero_state(B), Tape(np.float32))
    assert np.isnan(h[2:, 3]).all()
    assert np.isfinite(np.delete(h, 3, axis=1)).all()


def test_tanh_in_single_precision():
    from rnnexp.compiled.maths import add_tanh

    x = np.concatenate([np.linspace(-12, 12, 200_001), [0, np.inf, -np.inf, 1e-30]]).astype(np.float32)
    y = np.zeros_like(x)
    add_tanh(y, x)
    exact = np.tanh(x.astype(np.float64))
    assert np.abs(y - exact).max() < 5e-7
    assert np.abs(y).max() == 1
    near = np.abs(x) < 0.5
    np.testing.assert_allclose(y[near], exact[near], rtol=5e-7)


def test_a_cell_without_compiled_loops_keeps_its_own():
    class Other(CELLS["rnn"]):
        pass

    cell = Other(D, H)
    cell.compile()
    assert cell.loops is None


def test_without_numba_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(compiled, "available", lambda: False)
    with pytest.raises(UserError, match=r"compiled=true needs numba: pip install"):
        CELLS["lstm"](D, H).compile()
