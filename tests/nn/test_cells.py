"""Each cell alone: its gradients, its equations, its windows."""

import inspect

import numpy as np
import pytest

from rnnexp.compute import threads
from rnnexp.compute.backend import CPU
from rnnexp.compute.workspace import Workspace
from rnnexp.nn.cells import CELLS
from rnnexp.nn.cells.lstm import LSTM
from rnnexp.nn.inputs import DenseInputs, TokenInputs
from tests.helpers.forced import force_tiles_and_threads
from tests.helpers.gradcheck import check_gradients
from tests.helpers.variants import OPTIONS, VARIANTS, bound_layer, random_layer

T, B, D, H = 5, 3, 4, 6


def test_every_option_under_test_exists():
    for name, options in OPTIONS.items():
        known = inspect.signature(CELLS[name]).parameters
        assert all(key in known for option in options for key in option)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


class Probe:
    """A layer in a scalar function of everything that goes in: sum(h * R) + sum(last state * S)."""

    def __init__(self, name, options, rng):
        self.layer, self.params = random_layer(name, options, D, H, rng)
        self.x = rng.standard_normal((T, B, D))
        self.state = tuple(
            rng.standard_normal((B, H)) if name != "n" else rng.uniform(1, 2, (B, H))  # that of slstm divides
            for name in self.layer.cell.states
        )
        self.R = rng.standard_normal((T, B, H))
        self.S = tuple(rng.standard_normal((B, H)) for _ in self.layer.cell.states)

    def loss(self):
        h, state = self.layer.forward(DenseInputs(self.x), self.state, Workspace(np.float64, CPU))
        return float(np.sum(h * self.R) + sum(np.sum(s * S) for s, S in zip(state, self.S)))

    def arrays(self):
        return self.params.value | {"x": self.x} | dict(zip(self.layer.cell.states, self.state))

    def grads(self):
        workspace = Workspace(np.float64, CPU)
        self.layer.forward(DenseInputs(self.x), self.state, workspace)
        dx, dstate = self.layer.backward(self.R, self.S, workspace)
        return self.params.grad | {"x": dx} | dict(zip(self.layer.cell.states, dstate))


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


def naive_rnn(x, h, W, U_n, b):
    return (np.tanh(x @ W[0] + h @ U_n[0] + b[0]),)


def naive_lstm(x, h, c, W, U_ifog, b):
    i, f, o, g = (x @ W[k] + h @ U_ifog[k] + b[k] for k in range(4))
    c = s(f) * c + s(i) * np.tanh(g)
    return s(o) * np.tanh(c), c


def naive_gru_before(x, h, W, U_rz, U_n, b):
    r = s(x @ W[0] + h @ U_rz[0] + b[0])
    z = s(x @ W[1] + h @ U_rz[1] + b[1])
    n = np.tanh(x @ W[2] + (r * h) @ U_n[0] + b[2])
    return (z * h + (1 - z) * n,)


def naive_gru_after(x, h, W, U_rzm, b):
    r = s(x @ W[1] + h @ U_rzm[0] + b[1])
    z = s(x @ W[2] + h @ U_rzm[1] + b[2])
    n = np.tanh(x @ W[0] + b[0] + r * (h @ U_rzm[2] + b[3]))
    return (z * h + (1 - z) * n,)


def naive_greff(x, h, c, W, U, b, gates, squash=np.tanh, squash_output=np.tanh):
    """The LSTM of these gates; one that is missing is 1."""
    a = {gate: x @ W[k] + h @ U[k] + b[k] for k, gate in enumerate(gates)}
    i, f, o = (s(a[gate]) if gate in a else 1 for gate in "ifo")
    c = f * c + i * squash(a["g"])
    return o * squash_output(c), c


def naive_nig(x, h, c, W, U_fog, b):
    return naive_greff(x, h, c, W, U_fog, b, "fog")


def naive_nfg(x, h, c, W, U_iog, b):
    return naive_greff(x, h, c, W, U_iog, b, "iog")


def naive_nog(x, h, c, W, U_ifg, b):
    return naive_greff(x, h, c, W, U_ifg, b, "ifg")


def naive_niaf(x, h, c, W, U_ifog, b):
    return naive_greff(x, h, c, W, U_ifog, b, "ifog", squash=lambda a: a)


def naive_noaf(x, h, c, W, U_ifog, b):
    return naive_greff(x, h, c, W, U_ifog, b, "ifog", squash_output=lambda a: a)


def naive_cifg(x, h, c, W, U_fog, b):
    f, o, g = (x @ W[k] + h @ U_fog[k] + b[k] for k in range(3))
    c = s(f) * c + (1 - s(f)) * np.tanh(g)
    return s(o) * np.tanh(c), c


def naive_peephole(x, h, c, W, U_ifog, b, v_i, v_f, v_o):
    i, f, o, g = (x @ W[k] + h @ U_ifog[k] + b[k] for k in range(4))
    new = s(f + v_f * c) * c + s(i + v_i * c) * np.tanh(g)
    return s(o + v_o * new) * np.tanh(new), new


def naive_mgu(x, h, W, U_f, U_n, b):
    f = s(x @ W[0] + h @ U_f[0] + b[0])
    n = np.tanh(x @ W[1] + (f * h) @ U_n[0] + b[1])
    return ((1 - f) * h + f * n,)


def naive_ugrnn(x, h, W, U_zn, b):
    z, n = (x @ W[k] + h @ U_zn[k] + b[k] for k in range(2))
    return (s(z) * h + (1 - s(z)) * np.tanh(n),)


def naive_janet(x, h, W, U_fn, b):
    f, n = (x @ W[k] + h @ U_fn[k] + b[k] for k in range(2))
    return (s(f) * h + (1 - s(f - 1)) * np.tanh(n),)


def naive_mut3(x, h, W, U_r, U_z, U_n, b):
    r = s(x @ W[0] + h @ U_r[0] + b[0])
    z = s(x @ W[1] + np.tanh(h) @ U_z[0] + b[1])
    n = np.tanh(x @ W[2] + (r * h) @ U_n[0] + b[2])
    return (n * z + h * (1 - z),)


def naive_rhn(x, h, W, U_nt, U_ab, U_cd, b):
    for layer, U in enumerate((U_nt, U_ab, U_cd)):
        n, t = ((x @ W[k] if layer == 0 else 0) + h @ U[k] + b[2 * layer + k] for k in range(2))
        h = np.tanh(n) * s(t) + h * (1 - s(t))
    return (h,)


def naive_mlstm(x, h, c, W, U_k, U_ifog, b):
    mixed = (x @ W[4] + b[4]) * (h @ U_k[0] + b[5])
    i, f, o, g = (x @ W[k] + mixed @ U_ifog[k] + b[k] for k in range(4))
    c = s(f) * c + s(i) * np.tanh(g)
    return s(o) * np.tanh(c), c


def naive_mingru(x, h, W, b):
    z, n = s(x @ W[0] + b[0]), x @ W[1] + b[1]
    return ((1 - z) * h + z * n,)


def naive_indrnn(x, h, W, b, v_n):
    a = x @ W[0] + v_n * h + b[0]
    return (a * (a > 0),)


def naive_slstm(x, h, c, n, m, W, U_ifog, b):
    i, f, o, g = (x @ W[k] + h @ U_ifog[k] + b[k] for k in range(4))
    new_m = np.where(f + m > i, f + m, i)
    i, f = np.exp(i - new_m), np.exp(f + m - new_m)
    c, n = f * c + i * np.tanh(g), f * n + i
    return s(o) * c / n, c, n, new_m


def slstm_from_nothing(layer, x):
    """Return the hidden states of slstm as weighted means of its candidates, the weights by their logarithms."""
    W, U, b = (layer.p[key].astype(np.float64) for key in ("W", "U_ifog", "b"))
    h, logs, candidates, hs = np.zeros((B, H)), [], [], []
    for now in x:
        i, f, o, g = (now @ W[k] + h @ U[k] + b[k] for k in range(4))
        logs = [log + f for log in logs] + [i]
        candidates.append(np.tanh(g))
        weights = np.exp(np.array(logs) - np.max(logs, axis=0))
        h = s(o) * (weights * candidates).sum(axis=0) / weights.sum(axis=0)
        hs.append(h)
    return np.stack(hs)


@pytest.mark.parametrize("forget", [-200.0, 0.0, 200.0])
@pytest.mark.parametrize("enter", [-200.0, 0.0, 200.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slstm_divides_by_no_zero_where_nothing_is_kept_yet(enter, forget, dtype, rng):
    """At the first step its normaliser is exp(a_i) alone, however tiny beside exp(a_f)."""
    layer, params = random_layer("slstm", {}, D, H, rng, dtype)
    layer.p["b"][0] += enter
    layer.p["b"][1] += forget
    x, R = rng.standard_normal((T, B, D)).astype(dtype), rng.standard_normal((T, B, H)).astype(dtype)
    zeros = tuple(np.zeros((B, H), dtype) for _ in layer.cell.states)
    workspace = Workspace(dtype, CPU)

    def loss():
        return float(np.sum(layer.forward(DenseInputs(x), zeros, Workspace(dtype, CPU))[0] * R))

    h, state = layer.forward(DenseInputs(x), zeros, workspace)
    np.testing.assert_allclose(
        h, slstm_from_nothing(layer, x), rtol=1e-4, atol=2e-5 if dtype == np.float32 else 1e-12
    )
    dx, dstate = layer.backward(R, zeros, workspace)
    assert all(np.isfinite(array).all() for array in (dx, *dstate, *params.grad.values(), *state))
    if dtype == np.float64:
        grads = {name: grad.copy() for name, grad in params.grad.items()}
        check_gradients(loss, params.value | {"x": x}, grads | {"x": dx}, rng, tolerance=1e-6)


EQUATIONS = [
    ("rnn", {}, naive_rnn),
    ("lstm", {}, naive_lstm),
    ("gru", {"reset": "before"}, naive_gru_before),
    ("gru", {"reset": "after"}, naive_gru_after),
    ("nig", {}, naive_nig),
    ("nfg", {}, naive_nfg),
    ("nog", {}, naive_nog),
    ("niaf", {}, naive_niaf),
    ("noaf", {}, naive_noaf),
    ("cifg", {}, naive_cifg),
    ("peephole", {}, naive_peephole),
    ("mgu", {}, naive_mgu),
    ("ugrnn", {}, naive_ugrnn),
    ("janet", {}, naive_janet),
    ("mut3", {}, naive_mut3),
    ("rhn", {}, naive_rhn),
    ("mlstm", {}, naive_mlstm),
    ("mingru", {}, naive_mingru),
    ("indrnn", {}, naive_indrnn),
    ("slstm", {}, naive_slstm),
]


def test_every_cell_has_its_equations_written_out():
    assert {name for name, *_ in EQUATIONS} == set(CELLS)


@pytest.mark.parametrize(
    ("name", "options", "equations"), EQUATIONS, ids=lambda v: getattr(v, "__name__", "")
)
def test_forward_and_gradients_equal_the_equations_step_by_step(name, options, equations, rng):
    """The layer against a loop over the paper's equations, differentiated numerically."""
    probe = Probe(name, options, rng)

    def naive():
        state, hs = probe.state, []
        for x in probe.x:
            state = equations(x, *state, **probe.layer.p)
            hs.append(state[0])
        return np.stack(hs), state

    h, state = probe.layer.forward(DenseInputs(probe.x), probe.state, Workspace(np.float64, CPU))
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
    layer, cut = probe.layer, 2
    whole = {key: grad.copy() for key, grad in probe.grads().items()}

    first, second = Workspace(np.float64, CPU), Workspace(np.float64, CPU)
    h1, middle = layer.forward(DenseInputs(probe.x[:cut]), probe.state, first)
    h2, _ = layer.forward(DenseInputs(probe.x[cut:]), middle, second)
    dx2, dmiddle = layer.backward(probe.R[cut:], probe.S, second)
    late = probe.params.grads.copy()
    dx1, dstate = layer.backward(probe.R[:cut], dmiddle, first)
    both = probe.params.split(late + probe.params.grads)

    np.testing.assert_allclose(
        np.concatenate([h1, h2]),
        layer.forward(DenseInputs(probe.x), probe.state, Workspace(np.float64, CPU))[0],
    )
    parts = both | {"x": np.concatenate([dx1, dx2])} | dict(zip(layer.cell.states, dstate))
    for key in whole:
        np.testing.assert_allclose(parts[key], whole[key], rtol=1e-10, atol=1e-12)


def test_forget_bias_is_where_the_forget_gate_is(rng):
    layer, _ = bound_layer(LSTM(D, H, forget_bias=1.5))
    layer.init(rng)
    assert layer.p["b"].tolist() == [[0] * H, [1.5] * H, [0] * H, [0] * H]


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_tiles_and_threads_change_nothing_but_rounding(name, options, rng, monkeypatch):
    """The fast ways through the recurrence, forced on a small cell: columns in tiles, rows on threads."""
    probe = Probe(name, options, rng)
    loss, grads = probe.loss(), {key: grad.copy() for key, grad in probe.grads().items()}
    seen = force_tiles_and_threads(monkeypatch)
    for number in 1, 2, 3:
        with threads.use(number):
            assert probe.loss() == pytest.approx(loss, rel=1e-12)
            for key, grad in probe.grads().items():
                np.testing.assert_allclose(grad, grads[key], rtol=1e-11, atol=1e-13, err_msg=key)
    tiles = {2} if probe.layer.cell.recurrent_matmuls else set()
    assert seen == {"tiles": tiles, "parts": {1, 2, 3}}  # 6 columns in tiles of 4


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_tokens_are_the_rows_they_stand_for(name, options, rng):
    probe = Probe(name, options, rng)
    table, symbols = rng.standard_normal((7, D)), rng.integers(7, size=(T, B))
    results = []
    for x in DenseInputs(table[symbols]), TokenInputs(symbols, table):
        workspace = Workspace(np.float64, CPU)
        h, _ = probe.layer.forward(x, probe.state, workspace)
        dx, dstate = probe.layer.backward(probe.R, probe.S, workspace)
        grads = {key: grad.copy() for key, grad in probe.params.grad.items()}
        results.append({"h": h, "dx": dx, "dh": dstate[0]} | grads)
    vectors, by_symbol = results
    per_symbol = np.zeros_like(table)
    np.add.at(per_symbol, symbols, vectors.pop("dx"))
    np.testing.assert_allclose(by_symbol.pop("dx"), per_symbol, rtol=1e-11, atol=1e-13)
    for key, array in by_symbol.items():
        np.testing.assert_allclose(array, vectors[key], rtol=1e-11, atol=1e-13, err_msg=key)
