"""Test weighted sums of means: a difference, a slope over sizes, a difference of differences."""

from collections.abc import Iterable, Sequence
from math import sqrt

import numpy as np

from rnnexp.analysis.differences import Difference, difference_of
from rnnexp.analysis.intervals import finite

LEAST_RATES = 4  # that a parabola is fitted to
LEAST_RUNS = 2  # of a group


class TooFewRuns(ValueError):
    """Say that a group has fewer than two runs, so that nothing can be said of its spread."""


def contrast(terms: Iterable[tuple[float, Iterable[float]]]) -> Difference:
    """Return `sum w_i mean_i` of groups of independent runs, of unequal variances, as a difference from 0.

    `error^2 = sum w_i^2 s_i^2/n_i`, with the degrees of freedom of Welch and Satterthwaite. With the weights 1
    and -1 it is Welch's difference of two means.

    Parameters
    ----------
    terms : weight and values of each group.

    Raises
    ------
    TooFewRuns where a group has fewer than two values.
    """
    weighted = [(weight, finite(values, 0)) for weight, values in terms]
    if min((len(values) for _, values in weighted), default=0) < LEAST_RUNS:
        raise TooFewRuns(f"a group has fewer than {LEAST_RUNS} runs")
    shares = [weight**2 * float(values.var(ddof=1)) / len(values) for weight, values in weighted]
    total = sum(shares)
    df: float = sum(len(values) - 1 for _, values in weighted)
    if total:
        df = 1 / sum(
            (share / total) ** 2 / (len(values) - 1) for share, (_, values) in zip(shares, weighted) if share
        )
    mean = sum(weight * float(values.mean()) for weight, values in weighted)
    spread = sqrt(sum(weight**2 * float(values.var(ddof=1)) for weight, values in weighted))
    runs = [len(values) for _, values in weighted]
    return difference_of(mean, sqrt(total), df, spread, "Welch", (max(runs), min(runs)))


def slope_of_difference(
    x: Sequence[float], a: Sequence[Iterable[float]], b: Sequence[Iterable[float]]
) -> Difference:
    """Return the slope over x of `mean a - mean b`: the least-squares line through the differences.

    Parameters
    ----------
    x : of each place, such as the logarithm of a number of tokens.
    a, b : the values at each place, two or more.
    """
    at = np.asarray(x, float)
    weights = (at - at.mean()) / ((at - at.mean()) ** 2).sum()
    return contrast(
        [(float(w), values) for w, values in zip(weights, a)]
        + [(-float(w), values) for w, values in zip(weights, b)]
    )


def optimum(rates: Sequence[float], losses: Sequence[float]) -> float | None:
    """Return where the parabola through losses over log2 of the rates is lowest, as log2 of a rate.

    None where fewer than four losses are finite, the parabola has no lowest point, or that lies beyond the rates.
    """
    logs, values = np.log2(np.asarray(rates, float)), np.asarray(losses, float)
    known = np.isfinite(values)
    if known.sum() < LEAST_RATES:
        return None
    square, linear, _ = np.polyfit(logs[known], values[known], 2)
    if square <= 0:
        return None
    place = float(-linear / (2 * square))
    return place if logs[known].min() <= place <= logs[known].max() else None


def near_best(rates: Sequence[float], losses: Sequence[float], each_side: int) -> list[float]:
    """Return the rates up to so many steps of the grid from the one with the least mean loss."""
    ordered = sorted(range(len(rates)), key=lambda k: rates[k])
    best = min(range(len(ordered)), key=lambda k: losses[ordered[k]])
    return [rates[k] for k in ordered[max(best - each_side, 0) : best + each_side + 1]]
