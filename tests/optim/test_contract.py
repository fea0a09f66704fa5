"""What an optimizer can rely on: shown by Adam, which needs first values, a step number and nothing else."""

import math
from functools import partial

import numpy as np
import pytest

from rnnexp.compute import backend, engine
from rnnexp.compute.parameters import Parameters
from rnnexp.optim import OPTIMIZERS
from rnnexp.optim.adagrad import Adagrad
from rnnexp.optim.adam import Adam
from rnnexp.optim.base import Optimizer
from rnnexp.optim.schedules import SCHEDULES
from rnnexp.optim.sgd import SGD
from rnnexp.records import checkpoint
from rnnexp.training.checkpoints import Checkpoints
from rnnexp.training.state import TrainState
from tests.conftest import REPOSITORY
from tests.helpers.variants import small_model

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
SIZE, STEPS, LR = 7, 50, 0.02


def by_hand(grads):
    """Adam for one number at a time, the powers as they stand in the paper."""
    values = []
    for k in range(SIZE):
        value, m, v = float(k), 0.0, 0.0
        for t, g in enumerate(grads[:, k], 1):
            m = BETA1 * m + (1 - BETA1) * g
            v = BETA2 * v + (1 - BETA2) * g**2
            value -= LR * (m / (1 - BETA1**t)) / (math.sqrt(v / (1 - BETA2**t)) + EPSILON)
        values.append(value)
    return values


def gradients():
    return np.random.default_rng(0).standard_normal((STEPS, SIZE)) * 10.0 ** np.arange(-3, 4)


def begun(where, dtype=float):
    params = Parameters({"a": (3,), "b": (2, 2)}, dtype, where)
    params.values[...] = where.to_device(np.arange(SIZE, dtype=dtype))
    return params


def take(optimizer, params, grads):
    for g in grads:
        params.grads[...] = params.backend.to_device(g.astype(params.grads.dtype))
        optimizer.update(params, LR)


@pytest.mark.parametrize("name_of_engine", ["numpy", *engine.GPU_ENGINES])
def test_adam_for_fifty_steps(request, name_of_engine):
    where = backend.CPU if name_of_engine == "numpy" else request.getfixturevalue("gpu")
    params, optimizer = begun(where), Adam(LR)
    with engine.use(name_of_engine):
        take(optimizer, params, gradients())
    np.testing.assert_allclose(where.to_host(params.values), by_hand(gradients()), rtol=1e-10)
    assert float(where.to_host(optimizer.state["step"])[0]) == STEPS


@pytest.mark.parametrize(
    "make", [*OPTIMIZERS.values(), partial(SGD, momentum=0.9)], ids=[*OPTIMIZERS, "momentum"]
)
@pytest.mark.parametrize("name_of_engine", ["numpy", "fused"])
def test_a_saved_state_goes_on_to_the_bit(request, name_of_engine, make):
    where = backend.CPU if name_of_engine == "numpy" else request.getfixturevalue("gpu")
    whole, parts = begun(where, np.float32), begun(where, np.float32)
    with engine.use(name_of_engine):
        take(make(LR), whole, gradients())
        first, second = make(LR), make(LR)
        take(first, parts, gradients()[:20])
        saved = {name: where.to_host(array).copy() for name, array in first.state.items()}
        second.state = {name: where.to_device(array) for name, array in saved.items()}
        take(second, parts, gradients()[20:])
    assert (where.to_host(parts.values) == where.to_host(whole.values)).all()


def test_the_step_number_matters_to_what_goes_on():
    """So that the test above cannot pass without it."""
    params, again = begun(backend.CPU), begun(backend.CPU)
    optimizer, forgetful = Adam(LR), Adam(LR)
    take(optimizer, params, gradients()[:20])
    again.values[...] = params.values
    forgetful.state = {name: array.copy() for name, array in optimizer.state.items() if name != "step"}
    for one, p in (optimizer, params), (forgetful, again):
        take(one, p, gradients()[20:])
    assert (params.values != again.values).all()


def test_an_older_state_without_a_step_number_goes_on():
    whole, parts = begun(backend.CPU), begun(backend.CPU)
    take(Adagrad(LR), whole, gradients())
    first, second = Adagrad(LR), Adagrad(LR)
    take(first, parts, gradients()[:20])
    second.state = {"squares": first.state["squares"]}
    take(second, parts, gradients()[20:])
    assert (parts.values == whole.values).all()


@pytest.mark.parametrize("name_of_engine", ["numpy", "fused"])
def test_first_values_are_what_is_remembered_at_first(request, name_of_engine):
    class Counting(Optimizer):
        first_values = {"low": -2.0, "high": 3.0}

        def step(self, values, g, lr, t, low, high):
            values[...] = low + 10 * high + 100 * t + 0 * g
            low += 1

    where = backend.CPU if name_of_engine == "numpy" else request.getfixturevalue("gpu")
    params, optimizer = begun(where), Counting(LR)
    with engine.use(name_of_engine):
        take(optimizer, params, gradients()[:2])
    assert (where.to_host(params.values) == -1 + 30 + 200).all()


@pytest.mark.parametrize("name_of_engine", ["numpy", "fused", "cupy"])
def test_an_update_that_is_not_finite_is_not_counted(request, name_of_engine):
    where = backend.CPU if name_of_engine == "numpy" else request.getfixturevalue("gpu")
    params, optimizer = begun(where), Adam(LR)
    with engine.use(name_of_engine):
        take(optimizer, params, [gradients()[0], np.full(SIZE, math.inf), gradients()[1]])
    other = begun(where)
    with engine.use(name_of_engine):
        take(Adam(LR), other, gradients()[:2])
    assert (where.to_host(params.values) == where.to_host(other.values)).all()
    assert float(where.to_host(optimizer.state["step"])[0]) == 2


def test_optimizers_and_schedules_are_found_by_their_files():
    folder = REPOSITORY / "rnnexp/optim"
    assert set(OPTIMIZERS) == {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    assert set(SCHEDULES) == {path.stem for path in folder.glob("schedules/*.py")} - {"__init__", "base"}


def test_a_checkpoint_holds_the_step_number_and_older_ones_need_none(tmp_path):
    model, optimizer, checkpoints = small_model(), Adam(LR), Checkpoints(tmp_path, "same")
    for _ in range(3):
        model.params.grads.fill(1)
        optimizer.update(model.params, LR)
    checkpoints.save_last(model, optimizer, model.zero_state(2), TrainState(LR))
    loaded = Adam(LR)
    checkpoints.load_last(small_model(), loaded, 2)
    assert loaded.state.keys() == {"step", "m", "v"}
    for name, array in optimizer.state.items():
        np.testing.assert_array_equal(loaded.state[name], array)

    arrays, meta = checkpoint.read(checkpoints.last)
    del arrays["optimizer.step"]
    checkpoint.write(checkpoints.last, arrays, meta)
    older = Adagrad(LR)
    checkpoints.load_last(model, older, 2)
    older.update(model.params, LR)
    assert older.state["step"] == 1
