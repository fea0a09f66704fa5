"""Each cell alone: its gradients, its equations, its windows."""

import inspect

import numpy as np
import pytest

from rnnexp.cells import CELLS
from rnnexp.params import Tape
from tests.gradcheck import check_gradients
from tests.variants import OPTIONS, VARIANTS, bound_cell

T, B, D, H = 5, 3, 4, 6


def test_every_option_under_test_exists():
    for name, options in OPTIONS.items():
        known = inspect.signature(CELLS[name]).parameters
        assert all(key in known for option in options for key in option)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


class Probe:
    """A cell in a scalar function of everything that goes in: sum(h * R) + sum(last state * S)."""

    def __init__(self, name, options, rng):
        self.cell, self.params = bound_cell(name, options, D, H, rng)
        self.x = rng.standard_normal((T, B, D))
        self.state = tuple(rng.standard_normal((B, H)) for _ in self.cell.states)
        self.R = rng.standard_normal((T, B, H))
        self.S = tuple(rng.standard_normal((B, H)) for _ in self.cell.states)

    def loss(self):
        h, state = self.cell.forward(self.x, self.state, Tape(np.float64))
        return float(np.sum(h * self.R) + sum(np.sum(s * S) for s, S in zip(state, self.S)))

    def arrays(self):
        return self.params.value | {"x": self.x} | dict(zip(self.cell.states, self.state))

    def grads(self):
        tape = Tape(np.float64)
        self.cell.forward(self.x, self.state, tape)
        dx, dstate = self.cell.backward(self.R, self.S, tape)
        return self.params.grad | {"x": dx} | dict(zip(self.cell.states, dstate))


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_gradients(name, options, rng):
    probe = Probe(name, options, rng)
    check_gradients(probe.loss, probe.arrays(), probe.grads(), rng, tolerance=1e-7)


@pytest.mark.parametrize("fault", [lambda g: -g, np.zeros_like], ids=["sign", "zero"])
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_gradient_check_catches_a_planted_fault(name, options, fault, rng):
    probe = Probe(name, options, rng)
    grads = probe.grads()
    for planted in grads:
        with pytest.raises(AssertionError, match=f"^{planted}:"):
            check_gradients(probe.loss, probe.arrays(), grads | {planted: fault(grads[planted])}, rng)


def s(x):
    return 1 / (1 + np.exp(-x))


def naive_rnn(x, h, W, U_h, b):
    return (np.tanh(x @ W + h @ U_h + b),)


def naive_lstm(x, h, c, W, U_ifog, b):
    a = x @ W + h @ U_ifog + b
    i, f, o, g = s(a[:, :H]), s(a[:, H : 2 * H]), s(a[:, 2 * H : 3 * H]), np.tanh(a[:, 3 * H :])
    c = f * c + i * g
    return o * np.tanh(c), c


def naive_gru_before(x, h, W, U_rz, U_n, b):
    W_r, W_z, W_n = np.split(W, 3, axis=1)
    b_r, b_z, b_n = np.split(b, 3)
    U_r, U_z = np.split(U_rz, 2, axis=1)
    r = s(x @ W_r + h @ U_r + b_r)
    z = s(x @ W_z + h @ U_z + b_z)
    n = np.tanh(x @ W_n + (r * h) @ U_n + b_n)
    return (z * h + (1 - z) * n,)


def naive_gru_after(x, h, W, U_rzm, b):
    W_n, W_r, W_z = np.split(W, 3, axis=1)
    b_n, b_r, b_z, b_m = np.split(b, 4)
    U_r, U_z, U_m = np.split(U_rzm, 3, axis=1)
    r = s(x @ W_r + h @ U_r + b_r)
    z = s(x @ W_z + h @ U_z + b_z)
    n = np.tanh(x @ W_n + b_n + r * (h @ U_m + b_m))
    return (z * h + (1 - z) * n,)


EQUATIONS = [
    ("rnn", {}, naive_rnn),
    ("lstm", {}, naive_lstm),
    ("gru", {"reset": "before"}, naive_gru_before),
    ("gru", {"reset": "after"}, naive_gru_after),
]


@pytest.mark.parametrize(
    ("name", "options", "equations"), EQUATIONS, ids=lambda v: getattr(v, "__name__", "")
)
def test_forward_and_gradients_equal_the_equations_step_by_step(name, options, equations, rng):
    """The layer against a loop over the paper's equations, differentiated numerically."""
    probe = Probe(name, options, rng)

    def naive():
        state, hs = probe.state, []
        for x in probe.x:
            state = equations(x, *state, **probe.cell.p)
            hs.append(state[0])
        return np.stack(hs), state

    h, state = probe.cell.forward(probe.x, probe.state, Tape(np.float64))
    naive_h, naive_state = naive()
    np.testing.assert_allclose(h, naive_h, rtol=1e-12)
    for ours, theirs in zip(state, naive_state, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)

    def naive_loss():
        h, state = naive()
        return float(np.sum(h * probe.R) + sum(np.sum(s * S) for s, S in zip(state, probe.S)))

    check_gradients(naive_loss, probe.arrays(), probe.grads(), rng, tolerance=1e-7)


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_two_windows_with_the_carried_gradient_equal_one_long_window(name, options, rng):
    probe = Probe(name, options, rng)
    cell, cut = probe.cell, 2
    whole = {key: grad.copy() for key, grad in probe.grads().items()}

    first, second = Tape(np.float64), Tape(np.float64)
    h1, middle = cell.forward(probe.x[:cut], probe.state, first)
    h2, _ = cell.forward(probe.x[cut:], middle, second)
    dx2, dmiddle = cell.backward(probe.R[cut:], probe.S, second)
    late = probe.params.grads.copy()
    dx1, dstate = cell.backward(probe.R[:cut], dmiddle, first)
    both = probe.params.split(late + probe.params.grads)

    np.testing.assert_allclose(
        np.concatenate([h1, h2]), cell.forward(probe.x, probe.state, Tape(np.float64))[0]
    )
    parts = both | {"x": np.concatenate([dx1, dx2])} | dict(zip(cell.states, dstate))
    for key in whole:
        np.testing.assert_allclose(parts[key], whole[key], rtol=1e-10, atol=1e-12)


def test_forget_bias_is_where_the_forget_gate_is(rng):
    from rnnexp.cells.lstm import LSTM
    from rnnexp.params import Parameters

    cell = LSTM(D, H, forget_bias=1.5)
    cell.bind(
        *Parameters({f"cell.{key}": shape for key, shape in cell.shapes.items()}, np.float64).of("cell")
    )
    cell.init(rng)
    assert cell.p["b"].tolist() == [0] * H + [1.5] * H + [0] * 2 * H
