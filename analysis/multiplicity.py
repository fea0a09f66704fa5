"""Pay for testing more than once: over the pairs of a study, and over two looks at it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnexp.analysis.differences import Difference

# Pocock 1977 (Biometrika 64:191) for two looks at equal steps: .0294 each is 5% in both together
ALPHA_OF_LOOKS = {1: 0.05, 2: 0.029}


@dataclass(frozen=True)
class Adjusted:
    """Hold a difference among `pairs` tested together: its simultaneous interval and its p-value after Holm."""

    difference: Difference
    p: float
    pairs: int
    alpha: float


def alpha_of_look(look: int) -> float:
    """Return the level of every test in a study that is looked at once (.05) or twice (.029).

    Two looks are the planned seeds and once more after as many again (5, then 10). BOTH are at .029: a
    first look at .05 spends everything, and with a second at .029 the study errs in 6%.
    """
    if look not in ALPHA_OF_LOOKS:
        raise ValueError(f"look must be 1 or 2, is {look}: looking after every seed turns 5% into 16%")
    return ALPHA_OF_LOOKS[look]


def holm(p_values: Sequence[float], unasked: int = 0) -> np.ndarray:
    """Return the p-values adjusted for their number, in the order given (Holm 1979).

    The k-th smallest of m becomes `max over j <= k of (m - j + 1) p_(j)`, at most 1. Those below alpha
    may be called differences; the chance that any of them is none stays below alpha.

    unasked : how many more belong to the m, as if they were the largest.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * (unasked + np.arange(len(p), 0, -1))), 1)
    return adjusted


def adjust(differences: Sequence[Difference], alpha: float = 0.05, unasked: int = 0) -> list[Adjusted]:
    """Return the differences of a study tested together: Holm's p-values and Bonferroni's intervals.

    The intervals at `1 - alpha/m` hold all together in `1 - alpha` of studies. Bonferroni's, since
    those that agree with Holm in every case (Strassburger and Bretz 2008) say of a difference no more
    than its sign unless all are found. So Holm may find one whose interval still reaches 0.

    unasked : how many more pairs count in the correction.
    """
    pairs = len(differences) + unasked
    adjusted = holm([difference.p for difference in differences], unasked)
    return [
        Adjusted(difference.at(1 - alpha / pairs), float(p), pairs, alpha)
        for difference, p in zip(differences, adjusted)
    ]
