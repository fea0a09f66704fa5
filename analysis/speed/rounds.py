"""Compare contenders: their losses first, then their seconds, in turn, round after round."""

from collections.abc import Callable

import numpy as np

from rnnexp.analysis.speed.arguments import BenchmarkError

# few: rounding errors grow from step to step, in a plain RNN of 650 units from 4e-8 in three to 2e-3 in ten
STEPS_COMPARED = 3
# relative difference of losses in so many steps: rounding was seen to make 6e-8, and the two forms of the GRU differ by
# 3e-5 and more
TOLERANCE = 1e-5


def largest_difference(losses: np.ndarray, ours: np.ndarray) -> float:
    """Return the largest relative difference of two lists of losses (steps,)."""
    return float(max(abs(losses / ours - 1)))


def require_same_work(what: str, who: str, difference: float) -> None:
    """Raise BenchmarkError where the losses of ours and another differ by more than rounding does."""
    if not difference < TOLERANCE:
        raise BenchmarkError(
            f"{what}: in {STEPS_COMPARED} steps from the same weights the losses of ours and {who} differ "
            f"by {difference:.1e}; they do not do the same work"
        )


def seconds_in_turn(
    names: list[str],
    rounds: int,
    measure: Callable[[str], float],
    after_round: Callable[[], None] = lambda: None,
) -> dict[str, np.ndarray]:
    """Return for each contender its seconds in each round (rounds,), as `measure` gives them.

    Every round starts with another contender.
    """
    seconds: dict[str, list[float]] = {who: [] for who in names}
    for k in range(rounds):
        first = k % len(names)
        for who in names[first:] + names[:first]:
            seconds[who].append(measure(who))
        after_round()
    return {who: np.array(values) for who, values in seconds.items()}


def medians(ratios: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the median over the rounds, by name."""
    return {pair: float(np.median(ratio)) for pair, ratio in ratios.items()}


def ranges(ratios: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Return the least and the largest ratio of the rounds, by name."""
    return {pair: [float(min(ratio)), float(max(ratio))] for pair, ratio in ratios.items()}
