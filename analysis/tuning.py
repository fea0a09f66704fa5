"""Say what a number of trials buys: the best of n."""

from collections.abc import Iterable

import numpy as np
import pandas as pd


def best_of_n(losses: Iterable[float]) -> pd.DataFrame:
    """Return a row for each n up to B/2: the mean best of n random trials and its 10 to 90% band.

    With the losses of all B trials ascending, `mean = sum_k x_(k) C(B-k, n-1) / C(B, n)`: the mean best
    of all subsets of n, which is unbiased (Tang et al. 2020, ACL; Dodge et al. 2019, EMNLP, is not).
    `low` and `high` are the 10 and 90% quantiles of the best over these subsets. Over B/2 the subsets
    are too much alike to say anything.

    Parameters
    ----------
    losses : validation losses of trials drawn at random; those of another sampler depend on each other (see
        `best_so_far`). A trial that failed, diverged or was pruned has one that is not finite: the worst.
    """
    values = np.asarray(list(losses), dtype=np.float64)
    finished = np.isfinite(values)
    if not finished.any():
        raise ValueError("no trial finished: there is no best")
    ordered = np.sort(np.where(finished, values, values[finished].max()))
    rows = [(n, *_best(ordered, n)) for n in range(1, len(ordered) // 2 + 1)]
    return pd.DataFrame(rows, columns=["n", "mean", "low", "high"])


def _best(ordered: np.ndarray, n: int) -> tuple[float, float, float]:
    """Return mean, 10% and 90% quantile of the best of n of ascending losses, drawn without return."""
    trials = len(ordered)
    # P(the best is worse than the k smallest) = C(B-k, n) / C(B, n) = prod_{i<k} (B-n-i) / (B-i)
    drawn = np.arange(trials)
    beyond = np.cumprod((trials - n - drawn).clip(0) / (trials - drawn))
    weights = -np.diff(beyond, prepend=1.0)
    low, high = (ordered[int(np.argmax(1 - beyond >= share - 1e-12))] for share in (0.1, 0.9))
    return float(weights @ ordered), float(low), float(high)


def best_so_far(losses: Iterable[float]) -> np.ndarray:
    """Return the smallest loss up to each trial, in the order they were run; failed ones are NaN or inf.

    What a sampler that learns (TPE) did once; no mean, no band. Infinite until a trial has finished.
    """
    values = np.asarray(list(losses), dtype=np.float64)
    return np.minimum.accumulate(np.where(np.isfinite(values), values, np.inf))
