"""Measure how far apart two configurations' losses are; `a - b` in nats, so above 0 means `a` is worse."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb, copysign, exp, inf, lgamma, sqrt

import numpy as np
from scipy import special

from rnnexp.analysis.intervals import finite, t_quantile

MOST_REARRANGEMENTS = 5_000_000  # of an exact test: 10 and 10 runs have 184,756, 12 and 12 have 2,704,156


@dataclass(frozen=True)
class Difference:
    """Hold the difference of two means, `a - b`, with the t interval at `level` and the two-sided p-value.

    `spread` is the standard deviation of one run of `a` minus one of `b`, so `error` shrinks from it
    with the number of seeds.
    """

    mean: float
    error: float
    df: float
    p: float
    low: float
    high: float
    level: float
    spread: float
    method: str
    n_a: int
    n_b: int

    def at(self, level: float) -> "Difference":
        """Return the same difference with its interval at another level."""
        half = t_quantile(level, self.df) * self.error
        return replace(self, low=self.mean - half, high=self.mean + half, level=level)


@dataclass(frozen=True)
class Equivalence:
    """Hold the two one-sided tests of `|a - b| < margin`: `p`, and the interval at `1 - 2 alpha` beside them."""

    margin: float
    p: float
    low: float
    high: float
    level: float
    holds: bool


@dataclass(frozen=True)
class Superiority:
    """Hold the probability that a run of `a` has a lower loss than one of `b` (ties: half), with its interval."""

    probability: float
    low: float
    high: float
    level: float


def welch(a: Iterable[float], b: Iterable[float], level: float = 0.95) -> Difference:
    """Return the difference of the means of independent runs, of unequal variances (Welch 1947).

    `error^2 = s_a^2/n_a + s_b^2/n_b`; `df = error^4 / sum((s^2/n)^2 / (n - 1))`.
    """
    a, b = finite(a, 2), finite(b, 2)
    var_a, var_b = float(a.var(ddof=1)), float(b.var(ddof=1))
    share_a, share_b = var_a / len(a), var_b / len(b)
    total = share_a + share_b
    df: float = len(a) + len(b) - 2
    if total:
        df = 1 / ((share_a / total) ** 2 / (len(a) - 1) + (share_b / total) ** 2 / (len(b) - 1))
    mean = float(a.mean() - b.mean())
    return difference_of(mean, sqrt(total), df, sqrt(var_a + var_b), "Welch", (len(a), len(b)), level)


def paired(a: Iterable[float], b: Iterable[float], level: float = 0.95) -> Difference:
    """Return the mean difference of runs that share something each, in the same order (paired t)."""
    a, b = finite(a, 2), finite(b, 2)
    if len(a) != len(b):
        raise ValueError(f"{len(a)} runs cannot be paired with {len(b)}")
    n, gaps = len(a), a - b
    spread = float(gaps.std(ddof=1))
    return difference_of(float(gaps.mean()), spread / sqrt(n), n - 1, spread, "paired t", (n, n), level)


def difference_of(
    mean: float,
    error: float,
    df: float,
    spread: float,
    method: str,
    runs: tuple[int, int],
    level: float = 0.95,
) -> Difference:
    """Return a difference with its p-value and interval; without any error p is 1 at no difference, else 0."""
    p = 2 * float(special.stdtr(df, -abs(mean) / error)) if error else float(mean == 0)
    return Difference(mean, error, df, p, mean, mean, level, spread, method, *runs).at(level)


def equivalence(difference: Difference, margin: float, alpha: float = 0.05) -> Equivalence:
    """Return the two one-sided tests of equality within a margin in nats (TOST; Schuirmann 1987).

    `p` is the larger of `P(T > (mean + margin)/error)` and `P(T < (mean - margin)/error)`; below alpha
    exactly where the interval at `1 - 2 alpha` lies within `±margin`.
    """
    if margin <= 0:
        raise ValueError(f"the margin must be above 0 nats, is {margin}")
    at = difference.at(1 - 2 * alpha)
    room = margin - abs(difference.mean)
    error = difference.error
    p = float(special.stdtr(difference.df, -room / error)) if error else float(room <= 0)
    return Equivalence(margin, p, at.low, at.high, at.level, p < alpha)


def hedges_g(a: Iterable[float], b: Iterable[float]) -> float:
    """Return the difference in pooled standard deviations, without small-sample bias (Hedges 1981).

    `g = J (mean_a - mean_b) / s`, `J = Gamma(df/2) / (sqrt(df/2) Gamma((df-1)/2))`, `df = n_a+n_b-2`.
    Needs five runs each: under that its own error is about as large as itself.
    """
    a, b = finite(a, 5), finite(b, 5)
    df = len(a) + len(b) - 2
    pooled = sqrt(((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / df)
    mean = float(a.mean() - b.mean())
    if not pooled:
        return copysign(inf, mean) if mean else 0.0
    return exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2) * mean / pooled


def superiority(a: Iterable[float], b: Iterable[float], level: float = 0.95) -> Superiority:
    """Return the probability that a run of `a` beats one of `b`, `(#(a < b) + #(a = b)/2) / (n_a n_b)`.

    The ends solve `|P - p| = z sqrt(V(P))` with `V(P) = P (1-P) (1 + N ((1-P)/(2-P) + P/(1+P))) / (n_a n_b)`,
    `N = (n_a+n_b)/2 - 1` (method 5 of Newcombe 2006, Statistics in Medicine 25:559), which holds where
    every run of `a` beats every one of `b` too. Needs ten runs each.
    """
    a, b = finite(a, 10), finite(b, 10)
    p = float((a[:, None] < b).mean() + (a[:, None] == b).mean() / 2)
    z, effective = float(special.ndtri((1 + level) / 2)), (len(a) + len(b)) / 2 - 1

    def is_far(other: float) -> bool:
        inflation = 1 + effective * ((1 - other) / (2 - other) + other / (1 + other))
        return abs(other - p) > z * sqrt(other * (1 - other) * inflation / (len(a) * len(b)))

    def end(far: float) -> float:
        near = p
        for _ in range(60):
            middle = (far + near) / 2
            far, near = (middle, near) if is_far(middle) else (far, middle)
        return far

    return Superiority(p, end(0.0), end(1.0), level)


def permutation_p(a: Iterable[float], b: Iterable[float]) -> float:
    """Return the exact two-sided p-value over every way to deal the runs out again (Fisher 1935).

    The share of ways whose difference of means is as large as the one observed. Raises ValueError
    where there are more than `MOST_REARRANGEMENTS`.
    """
    a, b = finite(a, 1), finite(b, 1)
    if comb(len(a) + len(b), len(a)) > MOST_REARRANGEMENTS:
        raise ValueError(f"{len(a)} and {len(b)} runs can be dealt out in too many ways for an exact test")
    both = np.concatenate([a, b])
    both -= both.mean()  # so a difference of means is a multiple of the sum that falls to `a`
    observed = abs(both[: len(a)].sum()) - 1e-12 * np.abs(both).sum()  # equal ones are summed in other orders
    left, right = _subset_sums(both[: len(both) // 2]), _subset_sums(both[len(both) // 2 :])
    as_large = total = 0
    for taken, sums in enumerate(left):
        if 0 <= len(a) - taken < len(right):
            dealt = np.abs(sums[:, None] + right[len(a) - taken])
            as_large, total = as_large + int((dealt >= observed).sum()), total + dealt.size
    return as_large / total


def sign_flip_p(a: Iterable[float], b: Iterable[float]) -> float:
    """Return the exact two-sided p-value of paired runs over every way to swap the two of a pair."""
    a, b = finite(a, 1), finite(b, 1)
    gaps = a - b
    if 2 ** len(gaps) > MOST_REARRANGEMENTS:
        raise ValueError(f"{len(gaps)} pairs can be swapped in too many ways for an exact test")
    sums = np.concatenate(_subset_sums(2 * gaps)) - gaps.sum()
    return float((np.abs(sums) >= abs(gaps.sum()) - 1e-12 * np.abs(gaps).sum()).mean())


def _subset_sums(values: np.ndarray) -> list[np.ndarray]:
    """Return for each size k = 0..n the sums of all subsets of k values."""
    n = len(values)
    chosen = [np.array(list(combinations(range(n), k)), dtype=int) for k in range(n + 1)]
    return [values[indices.reshape(comb(n, k), k)].sum(axis=1) for k, indices in enumerate(chosen)]
