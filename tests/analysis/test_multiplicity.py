"""Many tests, or two looks, together err no more often than one."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy import stats

from rnnexp.analysis.differences import welch
from rnnexp.analysis.multiplicity import adjust, alpha_of_look, holm


def test_holm_by_hand():
    # ascending .005, .01, .03, .04 by 4, 3, 2, 1: .02, .03, .06, .04 -> the last no smaller than .06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1, 1])
    assert holm([0.03]) == pytest.approx([0.03])
    assert holm([0.02, 0.02]) == pytest.approx([0.04, 0.04])
    assert len(holm([])) == 0


PAIRS = list(combinations(range(4), 2))


def simulated(number, shift=0.0):
    """Return five runs of each of four cells in a number of studies, the last cell worse by `shift`."""
    draws = np.random.default_rng(4).normal(0, 1, (number, 4, 5))
    draws[:, -1] += shift
    return draws


def adjusted_p(draws):
    """Return Holm's p-values (studies, pairs) of Welch tests between all cells."""
    p = [stats.ttest_ind(draws[:, j], draws[:, i], axis=1, equal_var=False).pvalue for i, j in PAIRS]
    return np.array([holm(study) for study in np.transpose(p)])


def test_holm_finds_a_difference_where_none_is_in_at_most_5_percent_of_studies():
    assert 0.03 < np.mean((adjusted_p(simulated(20_000)) < 0.05).any(axis=1)) < 0.052


def test_holm_keeps_its_error_where_some_differ():
    p = adjusted_p(simulated(20_000, shift=4.0))
    equal = [k for k, (_, j) in enumerate(PAIRS) if j != 3]
    assert 0.03 < np.mean((p[:, equal] < 0.05).any(axis=1)) < 0.052
    assert np.mean(p[:, -1] < 0.05) > 0.9


def test_simultaneous_intervals_all_hold_in_95_percent_of_studies():
    held = []
    for runs in simulated(1_500):
        pairs = adjust([welch(runs[j], runs[i]) for i, j in PAIRS])
        held.append(all(pair.difference.low <= 0 <= pair.difference.high for pair in pairs))
    assert 0.94 < np.mean(held) < 0.985


def test_adjusting_gives_the_p_values_of_holm():
    (runs,) = simulated(1, shift=2.0)
    rows = adjust([welch(runs[j], runs[i]) for i, j in PAIRS])
    assert [row.p for row in rows] == pytest.approx(adjusted_p(runs[None])[0])
    assert {row.pairs for row in rows} == {6}


def test_an_interval_among_three_is_wider_than_one_alone():
    rows = [welch([3.7, 3.8, 3.75], [3.6, 3.62, 3.7])] * 3
    assert adjust(rows)[0].difference.level == pytest.approx(1 - 0.05 / 3)
    assert adjust(rows)[0].difference.high > rows[0].high
    (alone,) = adjust(rows[:1])
    assert (alone.p, alone.difference.high) == pytest.approx((rows[0].p, rows[0].high))


def test_two_looks_together_err_in_5_percent():
    """Five seeds, then ten: both at .029. At .05 each it would be more than 7%."""
    a, b = np.random.default_rng(5).normal(0, 1, (2, 50_000, 10))
    first = stats.ttest_ind(a[:, :5], b[:, :5], axis=1, equal_var=False).pvalue
    smaller = np.minimum(first, stats.ttest_ind(a, b, axis=1, equal_var=False).pvalue)
    assert 0.042 < np.mean(smaller < alpha_of_look(2)) < 0.0515
    assert np.mean(smaller < alpha_of_look(1)) > 0.07


def test_there_is_no_third_look():
    with pytest.raises(ValueError, match="1 or 2"):
        alpha_of_look(3)


def test_the_best_of_many_beside_each_other_errs_in_no_more_than_5_percent_of_studies():
    """Validation, which chooses it, goes with the test loss: so all pairs count, not those with the best alone."""
    number, cells = 4_000, 12
    shared, own, more = np.random.default_rng(8).normal(0, 1, (3, number, cells, 5))
    test, valid = 0.9 * shared + 0.44 * own, 0.9 * shared + 0.44 * more
    best = valid.mean(axis=2).argmin(axis=1)
    p = np.array(
        [
            np.delete(stats.ttest_ind(runs, runs[[k]], axis=1, equal_var=False).pvalue, k)
            for runs, k in zip(test, best)
        ]
    )
    unasked = comb(cells - 1, 2)
    assert np.mean([holm(study).min() < 0.05 for study in p]) > 0.07
    assert 0.01 < np.mean([holm(study, unasked).min() < 0.05 for study in p]) < 0.05
