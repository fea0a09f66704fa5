"""The optimizers against the formulas, written out for one number at a time."""

import numpy as np
import pytest

from rnnexp.compute.parameters import Parameters
from rnnexp.optim.adagrad import Adagrad
from rnnexp.optim.adam import Adam
from rnnexp.optim.adamw import AdamW
from rnnexp.optim.rmsprop import RMSProp
from rnnexp.optim.schedules.cosine import Cosine
from rnnexp.optim.schedules.exponential import Exponential
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


DECAY = 0.03


def test_momentum():
    values, velocity = np.array([1.0, 2.0, 3.0]), 0
    for grads in GRADS:
        velocity = 0.9 * velocity + clipped(grads, 2.0, None) + DECAY * values
        values -= 0.1 * velocity
    np.testing.assert_allclose(trajectory(SGD(0.1, 2.0, None, DECAY, 0.9)), values, rtol=1e-12)


@pytest.mark.parametrize("make", [Adam, AdamW])
def test_adam(make):
    values, m, v = np.array([1.0, 2.0, 3.0]), 0, 0
    for t, grads in enumerate(GRADS, 1):
        g = clipped(grads, 2.0, None)
        if make is Adam:
            g = g + DECAY * values
        else:
            values *= 1 - 0.1 * DECAY
        m, v = 0.8 * m + 0.2 * g, 0.99 * v + 0.01 * g**2
        values -= 0.1 * m / (1 - 0.8**t) / (np.sqrt(v / (1 - 0.99**t)) + 1e-3)
    found = trajectory(make(0.1, 0.8, 0.99, 1e-3, clip_norm=2.0, weight_decay=DECAY))
    np.testing.assert_allclose(found, values, rtol=1e-12)


def test_rmsprop():
    values, squares = np.array([1.0, 2.0, 3.0]), 0
    for grads in GRADS:
        g = clipped(grads, None, 1.5) + DECAY * values
        squares = 0.9 * squares + 0.1 * g**2
        values -= 0.1 * g / (np.sqrt(squares) + 1e-3)
    found = trajectory(RMSProp(0.1, 0.9, 1e-3, clip_value=1.5, weight_decay=DECAY))
    np.testing.assert_allclose(found, values, rtol=1e-12)


def test_weights_decay_by_as_much_as_says_whatever_the_limit_of_the_gradient():
    params = Parameters({"a": (2,)}, np.float64)
    params.values[...] = 100, 200
    params.grads[...] = 3e6, -4e6
    SGD(0.1, clip_norm=5.0, weight_decay=0.5).update(params, 0.1)
    np.testing.assert_allclose(params.values, [100 - 0.1 * (3 + 50), 200 - 0.1 * (-4 + 100)], rtol=1e-12)


THEIRS = {  # PyTorch's name and arguments -> ours
    "SGD momentum=.9 weight_decay=.01": SGD(0.1, momentum=0.9, weight_decay=0.01),
    "Adagrad eps=1e-8 weight_decay=.01": Adagrad(0.1, weight_decay=0.01),
    "Adam betas=(.8,.99) weight_decay=.01": Adam(0.1, 0.8, 0.99, weight_decay=0.01),
    "AdamW weight_decay=.01": AdamW(0.1, weight_decay=0.01),
    "RMSprop alpha=.9 weight_decay=.01": RMSProp(0.1, 0.9, weight_decay=0.01),
}


@pytest.mark.extras
@pytest.mark.parametrize("theirs", THEIRS)
def test_fifty_steps_are_pytorchs(theirs):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch==2.13.0")
    name, *arguments = theirs.split()
    values = torch.arange(1.0, 8.0, dtype=torch.float64, requires_grad=True)
    their_optimizer = eval(f"torch.optim.{name}([values], lr=.1, {','.join(arguments)})", locals())
    params = Parameters({"a": (7,)}, np.float64)
    params.values[...] = np.arange(1, 8)
    rng = np.random.default_rng(0)
    for _ in range(50):
        params.grads[...] = rng.standard_normal(7) * 10.0 ** np.arange(-3, 4)
        values.grad = torch.tensor(params.grads.copy())
        THEIRS[theirs].update(params, 0.1)
        their_optimizer.step()
    np.testing.assert_allclose(params.values, values.detach().numpy(), rtol=1e-11)


def rates(schedule, first, epochs):
    """The learning rates of so many epochs."""
    found = [first]
    for epoch in range(1, epochs):
        found.append(schedule.next_lr(found[-1], False, epoch))
    return found


def test_exponential_begins_after_some_epochs():
    assert rates(Exponential(2.0, 3), 8.0, 6) == [8, 8, 8, 4, 2, 1]


def test_cosine_is_half_a_wave_and_then_the_least():
    wave = [0.5 + (4 - 0.5) * (1 + np.cos(np.pi * k / 5)) / 2 for k in range(6)]
    np.testing.assert_allclose(rates(Cosine(5, 0.5), 4.0, 8), [*wave, 0.5, 0.5], rtol=1e-12)


@pytest.mark.parametrize("optimizer", [SGD(0.1, 1.0), Adagrad(0.1), AdamW(0.1, weight_decay=0.1)])
def test_a_gradient_that_is_not_finite_changes_nothing(optimizer):
    params = Parameters({"a": (3,)}, np.float64)
    params.grads[...] = 1, np.nan, 2
    assert np.isnan(optimizer.update(params, 0.1))
    assert not params.values.any()
