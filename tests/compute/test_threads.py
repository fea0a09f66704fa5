"""Sharing work out: everything once, in any number of threads, errors not lost."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from rnnexp.compute import threads


@pytest.mark.parametrize("number", [1, 2, 5])
def test_every_part_once(number):
    done = np.zeros(100, int)
    with threads.use(number):
        for least in 1, 7, 1000:
            parts = threads.shares(100, least)
            assert len(parts) == max(1, min(number, 100 // least))

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


def test_blas_computes_with_one_thread_within_and_as_before_after():
    def blas():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = blas()
    with threads.use(2):
        assert set(blas()) == {1}
        with threads.use(1):
            assert threads.shares(10) == [slice(0, 10)]
        assert len(threads.shares(10)) == 2
    assert blas() == before
    assert threads.shares(10) == [slice(0, 10)]
