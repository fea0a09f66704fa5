"""Say which of several are beaten on all counts."""

import numpy as np


def is_beaten(values: np.ndarray) -> np.ndarray:
    """Return for each row (N, 3) whether another is no larger anywhere and smaller somewhere."""
    no_worse = (values[:, None] <= values).all(axis=2)
    better = (values[:, None] < values).any(axis=2)
    return np.any(no_worse & better, axis=0)
