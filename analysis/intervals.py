"""Give means and rates their intervals."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from scipy import special

LEAST_INTERVAL = 3  # runs of which an interval is shown


@dataclass(frozen=True)
class Mean:
    """Hold the mean of `n` values with standard deviation `sd`, and the ends of its t interval at `level`."""

    n: int
    mean: float
    sd: float
    low: float
    high: float
    level: float


@dataclass(frozen=True)
class Rate:
    """Hold the share `rate` of `n` runs to which something happened, and its Clopper-Pearson interval."""

    count: int
    n: int
    rate: float
    low: float
    high: float
    level: float


def mean_interval(values: Iterable[float], level: float = 0.95) -> Mean:
    """Return the mean of one value or more with `mean ± t(n-1) sd / sqrt(n)`.

    Of a single value, `sd` and both ends are NaN: one value says nothing about its spread.
    """
    values = finite(values, 1)
    n, mean = len(values), float(values.mean())
    if n == 1:
        return Mean(1, mean, nan, nan, nan, level)
    sd = float(values.std(ddof=1))
    half = t_quantile(level, n - 1) * sd / sqrt(n)
    return Mean(n, mean, sd, mean - half, mean + half, level)


def rate_interval(count: int, n: int, level: float = 0.95) -> Rate:
    """Return the share `count / n` with its exact interval (Clopper and Pearson 1934, Biometrika 26).

    The ends are quantiles of beta distributions: `B(alpha/2; count, n-count+1)` and
    `B(1-alpha/2; count+1, n-count)`, 0 where nothing happened and 1 where it always did.
    """
    if not 0 <= count <= n or n < 1:
        raise ValueError(f"{count} of {n} runs is no share: give 0 <= count <= n, n >= 1")
    tail = (1 - level) / 2
    low = float(special.betaincinv(count, n - count + 1, tail)) if count else 0.0
    high = float(special.betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return Rate(count, n, count / n, low, high, level)


def t_quantile(level: float, df: float) -> float:
    """Return the t that holds a share `level` of a t distribution within `±t`."""
    return float(special.stdtrit(df, (1 + level) / 2))


def finite(values: Iterable[float], least: int) -> np.ndarray:
    """Return values as an array (n,), float64; raise ValueError under `least` of them or a non-finite one."""
    array = np.asarray(list(values), dtype=np.float64)
    if array.ndim != 1 or len(array) < least:
        raise ValueError(f"needs {least} values or more in one row, has shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("a value is not finite: count that run as diverged, not in the mean")
    return array
