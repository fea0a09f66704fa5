"""Sharing work out: everything once, in any number of threads, errors not lost."""

from threading import Barrier

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from rnnexp.compute import engine, threads
from tests.helpers.variants import small_model


@pytest.mark.parametrize("number", [1, 2, 5])
def test_every_part_once(number):
    done = np.zeros(100, int)
    with threads.use(number):
        for least in 1, 7, 1000:
            parts = threads.parts_alike(least, 100, least, lambda part: None, [])
            assert len(parts) == threads.number_for(100, least) == max(1, min(number, 100 // least))

            def add(part):
                done[part] += 1

            threads.in_parallel(add, parts)
        threads.in_parts(add, 100, 13)
    assert (done == 4).all()


@pytest.mark.parametrize("number", [1, 3])
def test_an_error_in_a_part_is_raised(number):
    def fail(part):
        if part == 4:
            raise ZeroDivisionError

    with threads.use(number), pytest.raises(ZeroDivisionError):
        threads.in_parallel(fail, range(5))


def test_every_thread_warns_of_what_its_caller_warns_of():
    ready = Barrier(2, timeout=60)

    def overflow(part):
        ready.wait()  # so that each thread takes a part
        np.full(2, 1e38, np.float32) * np.float32(1e38)

    with threads.use(2), np.errstate(over="ignore"):
        threads.in_parallel(overflow, range(2))
    with threads.use(2), np.errstate(over="raise"), pytest.raises(FloatingPointError):
        threads.in_parallel(overflow, range(2))


def test_blas_computes_with_one_thread_within_and_as_before_after():
    def blas():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = blas()
    with threads.use(2):
        assert set(blas()) == {1}
        with threads.use(1):
            assert threads.number_for(10, 1) == 1
        assert threads.number_for(10, 1) == 2
    assert blas() == before
    assert threads.number_for(10, 1) == 1


def test_parts_that_round_otherwise_are_not_taken():
    """Here a part of other than 4 rows comes out otherwise; the arrays are left as they were."""
    out = np.arange(16.0)

    def compute(part):
        length = part.stop - part.start
        out[part] = 1 if length % 4 == 0 else length

    with threads.use(3):
        assert threads.parts_alike("a", 16, 1, compute, [out]) == [slice(0, 4), slice(4, 12), slice(12, 16)]
        assert threads.parts_alike("b", 15, 1, compute, [out[:15]]) == [slice(0, 15)]
    np.testing.assert_array_equal(out, np.arange(16.0))


SIZES = [  # rows, hidden units: every product and the time loops are worth sharing
    (32, 230),
    pytest.param(20, 400, marks=pytest.mark.slow),
    pytest.param(24, 650, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("rows", "size"), SIZES)
@pytest.mark.parametrize("name", engine.installed())
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_no_bit_depends_on_the_number_of_threads(cell, name, rows, size):
    rng = np.random.default_rng(0)
    inputs, targets = rng.integers(0, 3000, (2, 6, rows), dtype=np.int32)
    results = []
    for number in 1, 2, 3:
        model = small_model(cell, vocab_size=3000, size=size, num_layers=2, dropout=0.2, dtype=np.float32)
        model.params.values *= 0.1
        with engine.use(name, number):
            workspace, state = model.workspace(), model.zero_state(rows)
            for key in 0, 1:
                nats, state = model.forward(inputs, targets, state, workspace, (0, key), 1.0)
                model.backward(workspace)
        results.append((nats, model.params.grads.copy(), *(array for layer in state for array in layer)))
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(ours, theirs)
