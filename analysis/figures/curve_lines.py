"""Draw a curve into axes: its seeds, mean and band, where a seed stops and where one leaves."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from rnnexp.analysis.figures.curve_data import Curve, leaving, limits
from rnnexp.analysis.figures.labels import End
from rnnexp.analysis.figures.style import Look


def set_limits(axes: Axes, found: Sequence[Curve], is_log: bool, skipped: float) -> None:
    """Show the runs that did not diverge, from the first x to the last of any; see `limits`."""
    low, high = limits(found, skipped)
    if is_log and low > 0:
        axes.set_yscale("log")
        air = (high / low) ** 0.05
        axes.set_ylim(low / air, high * air)
    else:
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    x = np.concatenate([curve.x.ravel() for curve in found])
    first, last = float(np.nanmin(x)), float(np.nanmax(x))
    air = 0.02 * (last - first) or 0.5
    axes.set_xlim(first - air, last + air)


def draw_curve(axes: Axes, curve: Curve, look: Look, epochs: int, marks: int = 8, shift: float = 0.5) -> End:
    """Draw a configuration's seeds, mean and band into axes whose limits are set; return its end.

    Parameters
    ----------
    epochs : that a run may have without being marked as stopped.
    marks : about how many markers the mean has.
    shift : of the markers, in parts of their distance, so that those of several curves lie apart.
    """
    lines = [np.column_stack([x, y])[np.isfinite(y)] for x, y in zip(curve.x.T, curve.y.T)]
    x, mean, half = curve.mean()
    if len(lines) > 1 or len(lines[0]) > len(x):  # else it would shine through the dashes of its own mean
        seeds = LineCollection(lines, colors=look.color, linewidths=1.0, alpha=0.35)
        axes.add_collection(seeds, autolim=False)
    if np.isfinite(half).any():
        axes.fill_between(x, mean - half, mean + half, color=look.color, alpha=0.18, linewidth=0)
    every = max(len(x) // marks, 1)
    axes.plot(x, mean, **look.line(markevery=(int(shift * every), every)))
    last, runs = curve.last(), np.arange(curve.y.shape[1])
    stopped = (last >= 0) & (last < epochs - 1) & ~curve.has_diverged
    ends = curve.x[last, runs][stopped], curve.y[last, runs][stopped]
    axes.plot(*ends, **look.marks(marker="|", markersize=8, markeredgewidth=1.5))
    _mark_leaving(axes, curve, look)
    return End(with_count(curve), *_end(axes, curve, x, mean), look)


def _mark_leaving(axes: Axes, curve: Curve, look: Look) -> None:
    """Put an arrow under the top where a run leaves the axes."""
    runs, epochs = leaving(curve, axes.get_ylim()[1])
    figure = axes.get_figure(root=True)
    assert figure is not None
    down = ScaledTranslation(0, -5 / 72, figure.dpi_scale_trans)
    where = blended_transform_factory(axes.transData, axes.transAxes) + down
    style = look.marks(marker=r"$\uparrow$", markersize=8, markerfacecolor=look.color, fillstyle="full")
    axes.plot(curve.x[epochs, runs], np.ones(len(runs)), transform=where, zorder=5, **style)


def _end(axes: Axes, curve: Curve, x: np.ndarray, mean: np.ndarray) -> tuple[float, float]:
    """Return the end of the mean; where there is none, of a run, or the top of the axes."""
    if len(x):
        return float(x[-1]), float(mean[-1])
    there = np.argwhere(curve.y <= axes.get_ylim()[1])
    if len(there):
        epoch, run = there[-1]
        return float(curve.x[epoch, run]), float(curve.y[epoch, run])
    return axes.get_xlim()[0], axes.get_ylim()[1]


def with_count(curve: Curve) -> str:
    """Return a configuration's name with the number of its runs that diverged."""
    bad = int(curve.has_diverged.sum())
    return f"{curve.name} ({bad} of {len(curve.has_diverged)} diverged)" if bad else curve.name


def longest(found: Sequence[Curve]) -> int:
    """Return the largest number of epochs of any run."""
    return max((int(curve.last().max(initial=-1)) for curve in found), default=-1) + 1
