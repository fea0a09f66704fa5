"""The compiled softmax against NumPy's, in both precisions, and where numbers are not finite."""

import math

import numpy as np
import pytest

from rnnexp.compute import engine
from rnnexp.compute.backend import CPU

pytestmark = pytest.mark.skipif("numba" not in engine.installed(), reason="numba is not installed")


def problem(dtype, N=7, V=50):
    """Logits, a bias, and targets of which two do not count."""
    rng = np.random.default_rng(0)
    targets = rng.integers(V, size=N)
    targets[[1, N - 1]] = -1
    return (20 * rng.standard_normal((N, V))).astype(dtype), rng.standard_normal(V).astype(dtype), targets


def by(name, logits, bias, targets, grad_scale, threads=1):
    logits, nats, bias_grad = logits.copy(), np.empty(len(logits)), np.full_like(bias, np.nan)
    with engine.use(name, threads):
        total = CPU.softmax_cross_entropy(logits, bias, targets, grad_scale, nats, bias_grad)
    return total, nats, logits, bias_grad


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 3e-6), (np.float64, 1e-14)])
def test_losses_and_gradients(dtype, tolerance, monkeypatch):
    monkeypatch.setattr("rnnexp.compute.jit.softmax.BLOCK", 150)  # three rows: the last block has one
    given = problem(dtype)
    for compiled, readable in zip(by("numba", *given, 0.3), by("numpy", *given, 0.3), strict=True):
        np.testing.assert_allclose(compiled, readable, rtol=tolerance, atol=tolerance)
    whole, shared = by("numba", *given, 0.3), by("numba", *given, 0.3, threads=3)
    for one, three in zip(whole, shared, strict=True):
        np.testing.assert_array_equal(one, three)


def test_without_a_gradient_that_of_the_bias_is_not_touched():
    total, nats, _, bias_grad = by("numba", *problem(np.float32), None)
    assert total == pytest.approx(by("numpy", *problem(np.float32), None)[0], rel=1e-6)
    assert nats.sum() == pytest.approx(total)
    assert np.isnan(bias_grad).all()


def test_exponentials_over_the_whole_range():
    logits = np.linspace(-200, 0, 20_001, dtype=np.float32)[None]
    exact = np.exp(logits.astype(float))
    _, _, p, _ = by("numba", logits, np.zeros_like(logits[0]), np.array([-1]), None)
    np.testing.assert_allclose(p, exact, rtol=5e-7, atol=2e-38)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 3, 49])
def test_a_logit_that_is_not_finite_makes_the_loss_so(bad, place):
    logits, bias, targets = problem(np.float32)
    logits[2, place], targets[2] = bad, place
    _, nats, _, _ = by("numba", logits, bias, targets, 1.0)
    assert not math.isfinite(nats[2])
    assert np.isfinite(np.delete(nats, 2)).all()
