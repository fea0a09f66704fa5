"""Time the steps of a GPU, which are asked for in groups and waited for at the end."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

STEPS_PER_GROUP = 20


def seconds_of_a_step(take: Callable[[int], Any], at_least_s: float) -> float:
    """Return the median seconds of a step, over groups of steps that take `at_least_s` seconds together.

    take : take(number) does that many steps, and waits for them.
    """
    times: list[float] = []
    while sum(times) < at_least_s or len(times) < 3:
        start = time.perf_counter()
        take(STEPS_PER_GROUP)
        times.append(time.perf_counter() - start)
    return float(np.median(times)) / STEPS_PER_GROUP
