"""Layers of other libraries, brought into ours, compute the same."""

import numpy as np
import pytest

from rnnexp.compute.backend import CPU
from rnnexp.compute.workspace import Workspace
from rnnexp.interop import weights
from rnnexp.nn.cells import CELLS
from rnnexp.nn.inputs import DenseInputs
from tests.helpers.variants import bound_layer

T, B, D, H = 4, 2, 3, 5


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def outputs(cell, arrays, x, **options):
    """h (T, B, H) of our layer with these arrays."""
    layer, _ = bound_layer(CELLS[cell](D, H, **options))
    assert arrays.keys() == layer.p.keys()
    for name, array in arrays.items():
        layer.p[name][...] = array
    return layer.forward(DenseInputs(x), layer.zero_state(B), Workspace(np.float64, CPU))[0]


def layer_of(gates, bias=()):
    rng = np.random.default_rng(0)
    shapes = (D, gates * H), (H, gates * H), (*bias, gates * H), (T, B, D)
    return [rng.standard_normal(shape) for shape in shapes]


def run(step, x, *states):
    hs = []
    for x_t in x:
        states = step(x_t, *states)
        hs.append(states[0])
    return np.array(hs)


def zeros():
    return np.zeros((B, H))


def test_the_books_lstm():
    Wx, Wh, b, x = layer_of(4)

    def step(x, h, c):
        f, g, i, o = np.split(x @ Wx + h @ Wh + b, 4, axis=1)
        c = c * sigmoid(f) + np.tanh(g) * sigmoid(i)
        return sigmoid(o) * np.tanh(c), c

    ours = outputs("lstm", weights.from_book("lstm", Wx, Wh, b), x)
    np.testing.assert_allclose(ours, run(step, x, zeros(), zeros()), rtol=1e-10)


def test_the_books_gru():
    Wx, Wh, b, x = layer_of(3)
    (Wxz, Wxr, Wxh), (Whz, Whr, Whh), (bz, br, bh) = (np.split(a, 3, axis=-1) for a in (Wx, Wh, b))

    def step(x, h):
        z = sigmoid(x @ Wxz + h @ Whz + bz)
        r = sigmoid(x @ Wxr + h @ Whr + br)
        new = np.tanh(x @ Wxh + (r * h) @ Whh + bh)
        return ((1 - z) * h + z * new,)

    ours = outputs("gru", weights.from_book("gru", Wx, Wh, b), x, reset="before")
    np.testing.assert_allclose(ours, run(step, x, zeros()), rtol=1e-10)


def test_keras_lstm():
    kernel, recurrent_kernel, bias, x = layer_of(4)

    def step(x, h, c):
        i, f, new, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
        return sigmoid(o) * np.tanh(c), c

    ours = outputs("lstm", weights.from_keras("lstm", kernel, recurrent_kernel, bias), x)
    np.testing.assert_allclose(ours, run(step, x, zeros(), zeros()), rtol=1e-10)


@pytest.mark.parametrize("reset_after", [False, True])
def test_keras_gru(reset_after):
    kernel, recurrent_kernel, bias, x = layer_of(3, bias=(2,) if reset_after else ())
    U = np.split(recurrent_kernel, 3, axis=1)

    def step(x, h):
        if reset_after:
            xz, xr, xh = np.split(x @ kernel + bias[0], 3, axis=1)
            hz, hr, hh = np.split(h @ recurrent_kernel + bias[1], 3, axis=1)
            z, r = sigmoid(xz + hz), sigmoid(xr + hr)
            new = np.tanh(xh + r * hh)
        else:
            xz, xr, xh = np.split(x @ kernel + bias, 3, axis=1)
            z, r = sigmoid(xz + h @ U[0]), sigmoid(xr + h @ U[1])
            new = np.tanh(xh + (r * h) @ U[2])
        return (z * h + (1 - z) * new,)

    arrays = weights.from_keras("gru", kernel, recurrent_kernel, bias)
    ours = outputs("gru", arrays, x, reset="after" if reset_after else "before")
    np.testing.assert_allclose(ours, run(step, x, zeros()), rtol=1e-10)


@pytest.mark.extras
@pytest.mark.parametrize(
    ("cell", "options", "module"),
    [("lstm", {}, "LSTM"), ("gru", {"reset": "after"}, "GRU"), ("rnn", {}, "RNN")],
)
def test_pytorch(cell, options, module):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
    theirs = getattr(torch.nn, module)(D, H).double()
    x = np.random.default_rng(0).standard_normal((T, B, D))
    names = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"
    arrays = weights.from_pytorch(cell, *(getattr(theirs, name).detach().numpy() for name in names))
    expected = theirs(torch.tensor(x))[0].detach().numpy()
    np.testing.assert_allclose(outputs(cell, arrays, x, **options), expected, rtol=1e-10)
