"""Intervals hold what they promise: 95% of simulated studies."""

import math

import numpy as np
import pytest
from scipy import stats

from rnnexp.analysis.intervals import mean_interval, rate_interval


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_t_interval_covers_the_true_mean_in_95_percent(n):
    draws = np.random.default_rng(n).normal(3.6, 0.01, (5_000, n))
    rows = [mean_interval(values) for values in draws]
    assert np.mean([row.low <= 3.6 <= row.high for row in rows]) == pytest.approx(0.95, abs=0.01)


def test_a_mean_is_that_of_scipy():
    values = [3.61, 3.64, 3.66, 3.63]
    row = mean_interval(values, 0.9)
    assert (row.n, row.mean, row.sd) == (4, pytest.approx(3.635), pytest.approx(np.std(values, ddof=1)))
    assert (row.low, row.high) == pytest.approx(stats.ttest_1samp(values, 0).confidence_interval(0.9))


def test_one_value_has_no_interval():
    row = mean_interval([3.6])
    assert row.mean == 3.6
    assert math.isnan(row.sd)
    assert math.isnan(row.low)
    assert math.isnan(row.high)


def test_equal_values_have_an_interval_without_width():
    row = mean_interval([2.0, 2.0, 2.0])
    assert (row.low, row.high) == (2.0, 2.0)


@pytest.mark.parametrize("values", [[], [1.0, math.inf], [1.0, math.nan]])
def test_what_has_no_mean_is_refused(values):
    with pytest.raises(ValueError, match=r"values or more|not finite"):
        mean_interval(values)


@pytest.mark.parametrize(("count", "n"), [(0, 5), (1, 5), (5, 5), (3, 10), (1, 1)])
def test_a_rate_has_the_exact_interval(count, n):
    row = rate_interval(count, n)
    exact = stats.binomtest(count, n).proportion_ci(0.95, "exact")
    assert (row.rate, row.low, row.high) == pytest.approx((count / n, exact.low, exact.high))


@pytest.mark.parametrize(("count", "n"), [(0, 0), (6, 5), (-1, 5)])
def test_no_share_is_refused(count, n):
    with pytest.raises(ValueError, match="no share"):
        rate_interval(count, n)
