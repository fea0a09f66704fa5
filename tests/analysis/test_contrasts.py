"""Weighted sums of means, slopes of differences, lowest points of parabolas."""

import numpy as np
import pytest
from scipy import stats

from rnnexp.analysis.contrasts import TooFewRuns, contrast, near_best, optimum, slope_of_difference
from rnnexp.analysis.differences import welch

RANDOM = np.random.default_rng(3)
A, B, C = RANDOM.normal(1.0, 0.1, 5), RANDOM.normal(0.8, 0.3, 7), RANDOM.normal(0.2, 0.2, 4)


def test_a_contrast_of_two_means_is_welch():
    found = contrast([(1, A), (-1, B)])
    scipy = stats.ttest_ind(A, B, equal_var=False)
    assert found.p == pytest.approx(scipy.pvalue)
    assert found == welch(A, B).__class__(**{**vars(welch(A, B)), "n_a": 7, "n_b": 5})


def test_a_contrast_covers_the_truth_in_95_of_100():
    """The truth is -0.4; groups differ in size and spread."""
    hits = 0
    for _ in range(2000):
        groups = [(2.0, RANDOM.normal(0.3, 0.1, 5)), (-1.0, RANDOM.normal(1.0, 0.4, 6))]
        found = contrast(groups)
        hits += found.low <= -0.4 <= found.high
    assert 0.93 < hits / 2000 < 0.97


def test_a_group_of_one_run_is_too_few():
    with pytest.raises(TooFewRuns):
        contrast([(1, A), (-1, [0.5])])
    with pytest.raises(TooFewRuns):
        contrast([])


def test_the_slope_of_a_difference_is_that_of_the_line_through_the_differences():
    x = [3.7, 4.3, 5.3]
    a, b = [A, B, C], [C, A, B]
    gaps = [np.mean(one) - np.mean(other) for one, other in zip(a, b)]
    assert slope_of_difference(x, a, b).mean == pytest.approx(np.polyfit(x, gaps, 1)[0])


def test_the_lowest_point_of_a_parabola_is_found():
    rates = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    assert optimum(rates, 0.2 * (np.log2(rates) - 1.7) ** 2 + 3) == pytest.approx(1.7)


@pytest.mark.parametrize(
    "losses",
    [
        [5.0, 4.0, 3.2, 2.6, 2.2],  # lowest beyond the rates
        [1.0, 2.0, 2.2, 2.0, 1.0],  # no lowest point
        [3.0, np.nan, np.inf, 2.0, 3.0],  # too few
    ],
)
def test_a_parabola_without_a_lowest_point_among_the_rates_has_none(losses):
    assert optimum([1.0, 2.0, 4.0, 8.0, 16.0], losses) is None


def test_rates_near_the_best_are_its_neighbours_of_the_grid():
    assert near_best([8.0, 1.0, 2.0, 4.0], [3.0, 5.0, 1.0, 2.0], 1) == [1.0, 2.0, 4.0]
    assert near_best([1.0, 2.0, 4.0], [1.0, 2.0, 3.0], 1) == [1.0, 2.0]
