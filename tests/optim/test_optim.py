"""The optimizers against the formulas, written out for one number at a time."""

import numpy as np
import pytest

from rnnexp.compute.parameters import Parameters
from rnnexp.optim.adagrad import Adagrad
from rnnexp.optim.sgd import SGD

GRADS = np.array([[3.0, -4.0, 0.0], [0.5, 0.1, -0.2], [-8.0, 6.0, 1e-9]])


def trajectory(optimizer, lr=0.1):
    params = Parameters({"a": (2,), "b": (1,)}, np.float64)
    params.values[...] = 1, 2, 3
    norms = []
    for grads in GRADS:
        params.grads[...] = grads
        norms.append(optimizer.update(params, lr))
        np.testing.assert_array_equal(params.grads, grads)
    np.testing.assert_allclose(norms, [np.sqrt((g * g).sum()) for g in GRADS], rtol=1e-12)
    return params.values


def clipped(grads, norm, value):
    length = np.sqrt((grads**2).sum())
    grads = grads * min(1, norm / length) if norm else grads
    return np.array([max(-value, min(value, g)) for g in grads]) if value else grads


@pytest.mark.parametrize("norm", [None, 2.0])
@pytest.mark.parametrize("value", [None, 1.5])
def test_sgd(norm, value):
    expected = np.array([1.0, 2.0, 3.0])
    for grads in GRADS:
        expected -= 0.1 * clipped(grads, norm, value)
    np.testing.assert_allclose(trajectory(SGD(0.1, norm, value)), expected, rtol=1e-12)


@pytest.mark.parametrize("norm", [None, 2.0])
@pytest.mark.parametrize("value", [None, 1.5])
def test_adagrad(norm, value):
    expected, squares = np.array([1.0, 2.0, 3.0]), np.zeros(3)
    for grads in GRADS:
        g = clipped(grads, norm, value)
        squares += g**2
        expected -= 0.1 * g / (np.sqrt(squares) + 1e-8)
    np.testing.assert_allclose(trajectory(Adagrad(0.1, 1e-8, norm, value)), expected, rtol=1e-12)


@pytest.mark.extras
def test_adagrad_is_pytorchs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
    values = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.Adagrad([values], lr=0.1, eps=1e-8)
    for grads in GRADS:
        values.grad = torch.tensor(grads)
        theirs.step()
    np.testing.assert_allclose(trajectory(Adagrad(0.1)), values.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("optimizer", [SGD(0.1, 1.0), Adagrad(0.1)])
def test_a_gradient_that_is_not_finite_changes_nothing(optimizer):
    params = Parameters({"a": (3,)}, np.float64)
    params.grads[...] = 1, np.nan, 2
    assert np.isnan(optimizer.update(params, 0.1))
    assert not params.values.any()
