"""Turn the history of runs into curves: each seed, their mean with its interval, and where seeds stopped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rnnexp.analysis.figures.select import counted
from rnnexp.analysis.intervals import t_quantile

LEAST_BAND = 3  # seeds


@dataclass(frozen=True)
class Curve:
    """Hold the curves of a configuration, all (E, R) over epochs and runs; NaN after a run has stopped.

    Attributes
    ----------
    x, y : where each epoch of each run lies.
    has_diverged : (R,) bool.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    has_diverged: np.ndarray

    @property
    def healthy(self) -> np.ndarray:
        """Return the curves (E, H) of the runs that did not diverge."""
        return self.y[:, ~self.has_diverged]

    def since(self, epoch: int) -> "Curve":
        """Return the curve from an epoch on, counted from 0."""
        return replace(self, x=self.x[epoch:], y=self.y[epoch:])

    def mean(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return x, mean and half the 95% t interval (NaN under three seeds), up to where a seed stops.

        Diverged runs are none of it. Beyond the first seed that stops it would be a mean of those left.
        """
        y, x = self.healthy, self.x[:, ~self.has_diverged]
        seeds = y.shape[1]
        there = np.isfinite(y).all(axis=1) if seeds else np.zeros(len(y), bool)
        length = len(there) if there.all() else int(np.argmin(there))
        x, y = x[:length], y[:length]
        if not length:
            return np.empty(0), np.empty(0), np.empty(0)
        half = np.full(length, np.nan)
        if seeds >= LEAST_BAND:
            half = t_quantile(0.95, seeds - 1) * y.std(axis=1, ddof=1) / np.sqrt(seeds)
        return x.mean(axis=1), y.mean(axis=1), half

    def last(self) -> np.ndarray:
        """Return the number of each run's last epoch (R,), from 0; -1 of one without any."""
        there = ~np.isnan(self.x)
        return np.where(there.any(axis=0), len(there) - 1 - np.argmax(there[::-1], axis=0), -1)


def curves(runs: pd.DataFrame, history: pd.DataFrame, measure: str, over: str = "epoch") -> list[Curve]:
    """Return the curves of the counted runs, a configuration each, in the order of their names.

    Parameters
    ----------
    measure : the column of the history that is y.
    over : what is x: "epoch"; "tokens", as recorded, counted from the beginning; or "seconds", the sum of
        CPU seconds so far, of wall seconds where any run has no others.
    """
    own = counted(runs)
    rows = history[history["run_id"].isin(own["run_id"])].sort_values("epoch")
    if measure not in rows or rows.empty:
        return []
    rows = rows.assign(x=_positions(rows, over))
    x = rows.pivot(index="epoch", columns="run_id", values="x")
    y = rows.pivot(index="epoch", columns="run_id", values=measure).astype(float)
    if x.isna().all(axis=None) or y.isna().all(axis=None):
        return []
    own = own[own["run_id"].isin(x.columns)]
    found = []
    for name, members in own.groupby("configuration"):
        ids = list(members["run_id"])
        is_bad = (members["status"] == "diverged").to_numpy()
        found.append(Curve(str(name), x[ids].to_numpy(float), y[ids].to_numpy(), is_bad))
    return found


def seconds_column(history: pd.DataFrame) -> str:
    """Return which seconds every epoch has: CPU seconds, or those of the clock."""
    has_cpu = "epoch_cpu_s" in history and history["epoch_cpu_s"].notna().all()
    return "epoch_cpu_s" if has_cpu else "epoch_s"


def _positions(rows: pd.DataFrame, over: str) -> pd.Series:
    """Return the x of each row."""
    if over == "seconds":
        column = seconds_column(rows)
        missing = pd.Series(np.nan, index=rows.index)
        return rows.groupby("run_id")[column].cumsum() if column in rows else missing
    return rows[over].astype(float) if over in rows else pd.Series(np.nan, index=rows.index)


def limits(found: Sequence[Curve], skipped: float = 0.0) -> tuple[float, float]:
    """Return the least and largest y to show, of runs that did not diverge.

    The largest is where they are after a share `skipped` of the epochs: neither what they came down from,
    nor any leap that is higher, squeezes the rest.
    """
    healthy = [curve.healthy for curve in found]
    begin = int(skipped * max((len(y) for y in healthy), default=0))
    starts = _numbers(y[begin : begin + 1] for y in healthy)
    values = _numbers(healthy)
    if not len(starts):  # every run diverged
        values = _numbers(curve.y for curve in found)
        starts = np.quantile(values, [0.9]) if len(values) else values
    if not len(starts):
        return 0.0, 1.0
    low, high = float(values.min()), float(starts.max())
    if high <= low:
        high = float(values.max())
    return (low, high) if high > low else (low - 0.05, high + 0.05)


def _numbers(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """Return every finite number of some arrays."""
    values = np.concatenate([np.empty(0), *(array.ravel() for array in arrays)])
    return values[np.isfinite(values)]


def leaving(curve: Curve, top: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which runs leave at the top, having been below it, or diverged; and the epoch, from 0, of each."""
    is_out = ~(curve.y <= top) & np.isfinite(curve.x)
    has_been_in = np.maximum.accumulate(curve.y <= top, axis=0)
    leaves = is_out & has_been_in
    never_in = curve.has_diverged & ~has_been_in.any(axis=0)
    leaves[:1] |= never_in
    runs = np.flatnonzero(leaves.any(axis=0))
    return runs, np.argmax(leaves[:, runs], axis=0)
