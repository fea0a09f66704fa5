"""The course's building blocks against its equations, written out one number after the other."""

import numpy as np
import pytest

from rnnexp.interop.coursera import clip, in_course_form, model_of, optimize, sample

V, N_A = 7, 5


@pytest.fixture
def parameters():
    rng = np.random.default_rng(0)
    shapes = {"Wax": (N_A, V), "Waa": (N_A, N_A), "Wya": (V, N_A), "b": (N_A, 1), "by": (V, 1)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def step(parameters, symbol, a):
    x = np.zeros((V, 1))
    if symbol is not None:
        x[symbol] = 1
    a = np.tanh(parameters["Wax"] @ x + parameters["Waa"] @ a + parameters["b"])
    e = np.exp(parameters["Wya"] @ a + parameters["by"])
    return a, e / e.sum()


def loss_of(parameters, X, Y, a):
    loss = 0.0
    for x, y in zip(X, Y):
        a, p = step(parameters, x, a)
        loss -= np.log(p[y, 0])
    return loss, a


def test_parameters_there_and_back(parameters):
    back = in_course_form(model_of(parameters).params.value)
    assert back.keys() == parameters.keys()
    for name, array in parameters.items():
        np.testing.assert_array_equal(back[name], array)


def test_clip():
    clipped = clip({"a": np.array([[-12.0, 3], [5.5, -4.9]])}, 5)
    np.testing.assert_array_equal(clipped["a"], [[-5, 3], [5, -4.9]])


@pytest.mark.parametrize("seed", range(5))
def test_sample_draws_what_the_courses_seeds_draw(parameters, seed):
    expected, a, counter, seed_then = [], np.zeros((N_A, 1)), 0, seed
    symbol = None
    while symbol != 0 and counter != 50:
        a, p = step(parameters, symbol, a)
        np.random.seed(counter + seed_then)  # noqa: NPY002
        symbol = np.random.choice(list(range(V)), p=p.ravel())  # noqa: NPY002
        expected.append(symbol)
        seed_then += 1
        counter += 1
    if counter == 50:
        expected.append(0)
    assert sample(parameters, seed) == expected


def test_a_name_ends_after_the_longest(parameters):
    parameters["by"][0] = -1e3
    assert len(sample(parameters, 0, longest=9)) == 10
    assert sample(parameters, 0, longest=9)[-1] == 0


def test_optimize(parameters):
    X, Y, a_prev = [None, 3, 5, 2, 2], [3, 5, 2, 2, 0], np.random.default_rng(1).standard_normal((N_A, 1))
    before = {name: array.copy() for name, array in parameters.items()}
    loss, gradients, a = optimize(X, Y, a_prev, parameters, learning_rate=0.1)
    expected_loss, expected_a = loss_of(before, X, Y, a_prev)
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    np.testing.assert_allclose(a, expected_a, rtol=1e-12)
    for name, array in before.items():
        numeric = np.empty_like(array)
        for place in np.ndindex(array.shape):
            kept, around = array[place], []
            for change in 1e-6, -1e-6:
                array[place] = kept + change
                around.append(loss_of(before, X, Y, a_prev)[0])
            array[place] = kept
            numeric[place] = (around[0] - around[1]) / 2e-6
        np.testing.assert_allclose(gradients[name], np.clip(numeric, -5, 5), rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(parameters[name], array - 0.1 * gradients[name], rtol=1e-12)
