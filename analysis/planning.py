"""Says how many seeds would decide."""

from math import sqrt

import numpy as np
from scipy import special

MOST_SEEDS = 1000


def seeds_to_decide(
    difference: float,
    spread: float,
    margin: float,
    *,
    alpha: float = 0.05,
    pairs: int = 1,
    power: float = 0.8,
    is_paired: bool = False,
) -> int | None:
    """Return the fewest seeds each with a chance `power` of a difference or of equality; None over 1,000.

    Takes the observed difference and spread (`sqrt(s_a^2 + s_b^2)`, or that of paired differences) for
    the true ones, so it is a rough guide. With `e = spread/sqrt(n)` the chance of a difference is that
    of a noncentral t at `|D|/e` over its critical value; that of equality within the margin at least
    `P(T > t; (margin+D)/e) + P(T > t; (margin-D)/e) - 1` (Chow, Shao and Wang 2008, chapter 3).
    """
    if margin <= 0:
        raise ValueError(f"the margin must be above 0 nats, is {margin}")
    if not spread:
        return 2
    n = np.arange(2, MOST_SEEDS + 1)
    df = n - 1 if is_paired else 2 * (n - 1)
    gap = abs(difference)
    differs = _chance_above(df, gap * np.sqrt(n) / spread, special.stdtrit(df, 1 - alpha / pairs / 2))
    same = np.zeros(len(n))
    if gap < margin:
        critical = special.stdtrit(df, 1 - alpha / pairs)
        above, below = ((margin + sign * gap) * np.sqrt(n) / spread for sign in (1, -1))
        same = _chance_above(df, above, critical) + _chance_above(df, below, critical) - 1
    enough = np.flatnonzero(np.maximum(differs, same) >= power)
    return int(n[enough[0]]) if len(enough) else None


def _chance_above(df: np.ndarray, centre: np.ndarray, critical: np.ndarray) -> np.ndarray:
    """Return P(T > critical) of noncentral t distributions; 1 where the centre is far above it."""
    near = np.minimum(centre, critical + 8 * np.sqrt(1 + critical**2 / (2 * df)))  # nctdtr fails far out
    return 1 - special.nctdtr(df, near, critical)


def needs_margin(spread: float) -> float:
    """Return the smallest margin at which 5 seeds can show equality: 1.6 standard deviations of a run.

    The 90% interval of 5 and 5 runs reaches `1.86 sqrt(2/5) s = 1.2 s` to either side of the difference.
    """
    return 1.6 * spread / sqrt(2)
