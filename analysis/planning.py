"""Say how many seeds would decide."""

from bisect import bisect_left
from math import sqrt

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
    alpha = alpha / pairs

    def decides(n: int) -> bool:
        df = n - 1 if is_paired else 2 * (n - 1)
        error, gap = spread / sqrt(n), abs(difference)
        differs = _chance_above(df, gap / error, special.stdtrit(df, 1 - alpha / 2))
        critical = special.stdtrit(df, 1 - alpha)
        sides = [
            _chance_above(df, room / error, critical) for room in (margin + gap, margin - gap) if room > 0
        ]
        return max(differs, sum(sides) - 1) >= power

    if not decides(MOST_SEEDS):
        return None
    return bisect_left(range(MOST_SEEDS), True, lo=2, key=decides)  # both chances grow with n


def _chance_above(df: int, centre: float, critical: float) -> float:
    """Return P(T > critical) of a noncentral t distribution; 1 where its centre is far above."""
    near = min(centre, critical + 8 * sqrt(1 + critical**2 / (2 * df)))  # nctdtr fails far out
    return 1 - float(special.nctdtr(df, near, critical))


def needs_margin(spread: float) -> float:
    """Return the smallest margin at which 5 seeds can show equality: 1.6 standard deviations of a run.

    The 90% interval of 5 and 5 runs reaches `1.86 sqrt(2/5) s = 1.2 s` to either side of the difference.
    """
    return 1.6 * spread / sqrt(2)
