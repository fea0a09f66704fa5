"""Differences agree with SciPy and with counting, and err as seldom as they promise."""

from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from rnnexp.analysis.differences import (
    equivalence,
    hedges_g,
    paired,
    permutation_p,
    sign_flip_p,
    superiority,
    welch,
)

GRU = [3.74, 3.70, 3.79, 3.72, 3.73]
LSTM = [3.64, 3.66, 3.61, 3.65, 3.70]


def rng(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("b", [LSTM, LSTM[:3], [3.7, 4.2, 3.1, 3.0]])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_welch_is_that_of_scipy(b, level):
    row, other = welch(GRU, b, level), stats.ttest_ind(GRU, b, equal_var=False)
    assert (row.p, row.df) == pytest.approx((other.pvalue, other.df))
    assert (row.low, row.high) == pytest.approx(tuple(other.confidence_interval(level)))
    assert (row.n_a, row.n_b, row.method) == (5, len(b), "Welch")


def test_paired_t_is_that_of_scipy():
    row, other = paired(GRU, LSTM), stats.ttest_rel(GRU, LSTM)
    assert (row.p, row.df) == pytest.approx((other.pvalue, 4))
    assert (row.low, row.high) == pytest.approx(tuple(other.confidence_interval(0.95)))


def test_a_difference_says_the_opposite_when_turned_round():
    row, turned = welch(GRU, LSTM), welch(LSTM, GRU)
    assert (turned.mean, turned.low, turned.high) == pytest.approx((-row.mean, -row.high, -row.low))
    assert turned.p == row.p


@pytest.mark.parametrize(("b", "p"), [([2.0, 2.0], 0.0), ([1.0, 1.0], 1.0)])
@pytest.mark.parametrize("test", [welch, paired])
def test_runs_without_spread_differ_or_do_not(test, b, p):
    row = test([1.0, 1.0], b)
    assert (row.p, row.low, row.high) == (p, row.mean, row.mean)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="paired with"):
        paired(GRU, LSTM[:4])
    with pytest.raises(ValueError, match="not finite"):
        welch(GRU, [3.6, float("inf")])
    with pytest.raises(ValueError, match="2 values"):
        welch(GRU, [3.6])


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("ratio", [1, 3])
def test_welch_covers_the_true_difference(n, ratio):
    """At 3 runs and unequal spreads it covers a little less, as Welch's is an approximation."""
    a = rng(n).normal(0.05, ratio, (2_500, n))
    b = rng(n + 100).normal(0, 1, (2_500, n))
    rows = [welch(x, y) for x, y in zip(a, b)]
    covered = np.mean([row.low <= 0.05 <= row.high for row in rows])
    assert 0.925 < covered < 0.98
    if n == 10:
        assert covered == pytest.approx(0.95, abs=0.015)


def test_equality_has_the_p_value_of_two_one_sided_tests():
    difference = welch(GRU, LSTM)
    below = stats.ttest_ind(np.array(GRU) - 0.15, LSTM, equal_var=False, alternative="less").pvalue
    above = stats.ttest_ind(np.array(GRU) + 0.15, LSTM, equal_var=False, alternative="greater").pvalue
    assert equivalence(difference, 0.15).p == pytest.approx(max(below, above))
    assert equivalence(welch(LSTM, GRU), 0.15).p == pytest.approx(max(below, above))


@pytest.mark.parametrize("margin", [0.05, 0.1, 0.13, 0.2])
def test_equality_holds_where_the_90_percent_interval_lies_within_the_margin(margin):
    row = equivalence(welch(GRU, LSTM), margin)
    assert row.level == pytest.approx(0.9)
    assert row.holds == (-margin < row.low and row.high < margin)


@pytest.mark.parametrize("n", [5, 10])
def test_equality_is_claimed_in_5_percent_of_studies_at_the_margin(n):
    margin, sd = 0.01, 0.002  # small beside the margin, where the error is largest
    a = rng(n).normal(margin, sd, (3_000, n))
    b = rng(n + 1).normal(0, sd, (3_000, n))
    claimed = np.mean([equivalence(welch(x, y), margin).holds for x, y in zip(a, b)])
    assert claimed == pytest.approx(0.05, abs=0.015)


def test_a_margin_of_nothing_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        equivalence(welch(GRU, LSTM), 0)


def test_hedges_g_is_unbiased():
    draws = rng(0).normal(0, 1, (5_000, 2, 5))
    assert np.mean([hedges_g(a + 0.8, b) for a, b in draws]) == pytest.approx(0.8, abs=0.04)
    pooled = np.sqrt((np.var(GRU, ddof=1) + np.var(LSTM, ddof=1)) / 2)
    assert hedges_g(GRU, LSTM) == pytest.approx(0.9027 * (np.mean(GRU) - np.mean(LSTM)) / pooled, rel=1e-4)


def test_hedges_g_needs_five_runs():
    with pytest.raises(ValueError, match="5 values"):
        hedges_g(GRU, LSTM[:4])
    assert hedges_g([1.0] * 5, [1.0] * 5) == 0


def test_superiority_counts_pairs_and_halves_ties():
    a, b = rng(1).integers(0, 6, (2, 12)).astype(float)
    row = superiority(a, b)
    u = stats.mannwhitneyu(b, a).statistic
    assert row.probability == pytest.approx(u / 144)
    assert 0 < row.low < row.probability < row.high < 1
    turned = superiority(b, a)
    assert (turned.low, turned.high) == pytest.approx((1 - row.high, 1 - row.low))


def test_superiority_of_runs_that_all_win_is_not_certain():
    row = superiority(np.arange(10.0), np.arange(10.0) + 20)
    assert row.probability == row.high == 1
    assert 0.6 < row.low < 0.9


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_superiority_covers_the_true_probability(shift):
    truth = stats.norm.cdf(shift / np.sqrt(2))
    draws = rng(3).normal(0, 1, (1_000, 2, 10))
    rows = [superiority(a, b + shift) for a, b in draws]
    assert 0.93 < np.mean([row.low <= truth <= row.high for row in rows]) <= 0.985


def test_superiority_needs_ten_runs():
    with pytest.raises(ValueError, match="10 values"):
        superiority(GRU, LSTM)


@pytest.mark.parametrize("n_a", [2, 4, 5])
def test_the_permutation_test_counts_every_way_to_deal_the_runs(n_a):
    both = np.round(rng(n_a).normal(0, 1, 9), 1)  # rounded: some ways tie
    a, b = both[:n_a] + 0.5, both[n_a:]
    both = np.concatenate([a, b])

    def gap(chosen):
        mask = np.isin(np.arange(9), chosen)
        return abs(both[mask].mean() - both[~mask].mean())

    ways = [gap(chosen) for chosen in combinations(range(9), n_a)]
    assert permutation_p(a, b) == pytest.approx(np.mean(np.array(ways) >= gap(range(n_a)) - 1e-9))


def test_ten_runs_that_all_win_are_one_of_two_ways():
    assert permutation_p(np.arange(10.0), np.arange(10.0) + 20) == pytest.approx(2 / 184_756)


def test_the_sign_flip_test_counts_every_way_to_swap_a_pair():
    gaps = np.array(GRU) - LSTM - 0.05
    flipped = [abs(np.dot(signs, gaps)) for signs in product([1, -1], repeat=5)]
    expected = np.mean(np.array(flipped) >= abs(gaps.sum()) - 1e-12)
    assert sign_flip_p(np.array(GRU) - 0.05, LSTM) == pytest.approx(expected)


def test_too_many_ways_are_refused():
    with pytest.raises(ValueError, match="too many ways"):
        permutation_p(np.arange(13.0), np.arange(13.0))
    with pytest.raises(ValueError, match="too many ways"):
        sign_flip_p(np.arange(23.0), np.arange(23.0))
