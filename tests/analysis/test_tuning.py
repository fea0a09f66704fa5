"""The best of n is that of every subset of n trials."""

from itertools import combinations

import numpy as np
import pytest

from rnnexp.analysis.tuning import best_of_n, best_so_far

LOSSES = [3.9, 3.6, 3.61, 4.4, 3.75, 3.6, 5.2, 3.8]


def check_against_all_subsets(losses, table):
    assert table["n"].tolist() == list(range(1, len(losses) // 2 + 1))
    for n, mean, low, high in table.itertuples(index=False):
        best = np.sort([min(subset) for subset in combinations(losses, n)])
        assert mean == pytest.approx(best.mean())
        assert low == np.quantile(best, 0.1, method="inverted_cdf")
        assert high == np.quantile(best, 0.9, method="inverted_cdf")


def test_it_is_the_mean_over_all_subsets():
    check_against_all_subsets(LOSSES, best_of_n(LOSSES))
    check_against_all_subsets(LOSSES[:5], best_of_n(LOSSES[:5]))


def test_failed_trials_count_as_the_worst():
    check_against_all_subsets([*LOSSES, 5.2, 5.2], best_of_n([np.inf, *LOSSES, np.nan]))


def test_many_trials_stay_exact():
    table = best_of_n(np.arange(2_000.0))
    assert table["mean"].iloc[[0, 9, -1]].to_numpy() == pytest.approx(
        [999.5, 2001 / 11 - 1, 2001 / 1001 - 1]  # of 1..B: (B + 1) / (n + 1)
    )


def test_there_must_be_a_best():
    with pytest.raises(ValueError, match="no trial finished"):
        best_of_n([np.inf])
    assert best_of_n([3.6]).empty


def test_the_best_so_far():
    assert best_so_far([np.nan, 4.0, 5.0, np.inf, 3.0]).tolist() == [np.inf, 4, 4, 4, 3]
