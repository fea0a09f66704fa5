"""The number of seeds that would decide does decide, in four of five simulated studies."""

import numpy as np
import pytest

from rnnexp.analysis.differences import equivalence, paired, welch
from rnnexp.analysis.planning import needs_margin, seeds_to_decide


@pytest.mark.parametrize("gap", [0.8, 1.5])
def test_that_many_seeds_find_the_difference(gap):
    n = seeds_to_decide(gap, np.sqrt(2), margin=0.01)
    draws = np.random.default_rng(0).normal(0, 1, (1_000, 2, n))
    found = np.mean([welch(a + gap, b).p < 0.05 for a, b in draws])
    assert 0.75 < found < 0.9


def test_that_many_seeds_find_equality():
    n = seeds_to_decide(0.1, np.sqrt(2), margin=1.0)
    draws = np.random.default_rng(1).normal(0, 1, (1_000, 2, n))
    found = np.mean([equivalence(welch(a + 0.1, b), 1.0).holds for a, b in draws])
    assert 0.75 < found < 0.9


def test_that_many_pairs_find_the_difference():
    n = seeds_to_decide(1.0, 1.0, margin=0.01, is_paired=True)
    draws = np.random.default_rng(2).normal(0, 1, (1_000, n))
    assert 0.75 < np.mean([paired(d + 1, np.zeros(n)).p < 0.05 for d in draws]) < 0.92


def test_the_textbook_number():
    """17 each for a difference of one standard deviation at 5% and 80% (Cohen 1988); 10 pairs."""
    assert seeds_to_decide(1.0, 1.0, margin=1e-9, is_paired=True) == 10
    assert seeds_to_decide(1.0, np.sqrt(2), margin=1e-9) == 17


def test_more_pairs_and_stricter_levels_need_more_seeds():
    few = seeds_to_decide(1.0, np.sqrt(2), margin=0.01)
    assert few < seeds_to_decide(1.0, np.sqrt(2), margin=0.01, alpha=0.029)
    assert few < seeds_to_decide(1.0, np.sqrt(2), margin=0.01, pairs=6)


def test_extremes():
    assert seeds_to_decide(1e-6, 1.0, margin=1e-5) is None
    assert seeds_to_decide(100.0, 1.0, margin=0.01) == 2
    assert seeds_to_decide(0.0, 1e-4, margin=10.0) == 2
    assert seeds_to_decide(0.0, 0.0, margin=0.01) == 2
    with pytest.raises(ValueError, match="above 0"):
        seeds_to_decide(1.0, 1.0, margin=0)


def test_the_margin_that_five_seeds_need():
    assert needs_margin(np.sqrt(2) * 0.01) == pytest.approx(0.016)
