"""Test weighted sums of means: a difference, a slope over sizes, a difference of differences."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Optimum:
    """Hold where the parabola through the losses of one seed is lowest, as a logarithm to the base 2 of the rate."""

    log2_rate: float
    coefficients: tuple[float, float, float]  # of log2(rate) squared, itself, and 1


def optimum(rates: Sequence[float], losses: Sequence[float]) -> Optimum | None:
    """Return the lowest point of the parabola through losses over the logarithm of rates.

    None where fewer than four losses are finite, the parabola has no lowest point, or that lies beyond the rates.
    """
    logs, values = np.log2(np.asarray(rates, float)), np.asarray(losses, float)
    known = np.isfinite(values)
    if known.sum() < LEAST_RATES:
        return None
    square, linear, constant = np.polyfit(logs[known], values[known], 2)
    if square <= 0:
        return None
    place = float(-linear / (2 * square))
    if not logs[known].min() <= place <= logs[known].max():
        return None
    return Optimum(place, (float(square), float(linear), float(constant)))


def near_best(rates: Sequence[float], losses: Sequence[float], each_side: int) -> list[float]:
    """Return the rates up to so many steps of the grid from the one with the least mean loss."""
    ordered = sorted(range(len(rates)), key=lambda k: rates[k])
    best = min(range(len(ordered)), key=lambda k: losses[ordered[k]])
    return [rates[k] for k in ordered[max(best - each_side, 0) : best + each_side + 1]]
