"""Draw every run, and how many diverged."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rnnexp.analysis.figures import select
from rnnexp.analysis.figures.picture import Picture, drawn
from rnnexp.analysis.figures.rows import AXIS, perplexity_above, row_axes, show_reachable, show_values
from rnnexp.analysis.figures.style import looks
from rnnexp.analysis.figures.ticks import plain_axis
from rnnexp.analysis.intervals import LEAST_INTERVAL, mean_interval, rate_interval


@drawn
def draw_seeds(runs: pd.DataFrame, measure: str = "test_loss") -> Picture:
    """Return a strip plot: a row a configuration, the best first, a dot a seed, mean and 95% t interval.

    A run that diverged is an arrow at the right edge. Perplexity stands above.
    """
    names = select.ranked(runs)
    own, ended = select.finished(runs, measure), select.counted(runs)
    picture, axes = row_axes(names, above=AXIS, right=0.3)
    look, values, said = looks(runs), [], []
    for row, name in enumerate(names):
        losses = own.loc[own["configuration"] == name, measure].to_numpy(float)
        lost = int((ended.loc[ended["configuration"] == name, "status"] == "diverged").sum())
        if len(losses):
            mean = mean_interval(losses)
            values += [*losses, mean.mean]
            if len(losses) >= LEAST_INTERVAL:
                ends = [mean.low, mean.high]
                axes.plot(
                    ends, [row, row], color=look[name].color, linewidth=5, alpha=0.25, solid_capstyle="butt"
                )
                values += ends
            axes.plot(
                mean.mean, row, marker="|", color="black", markersize=11, markeredgewidth=1.5, zorder=2.5
            )
            axes.plot(losses, np.full(len(losses), row), **look[name].marks(alpha=0.85))
        if lost:
            _mark_lost(axes, row, lost, look[name].color)
        reached = f"mean {losses.mean():.4f} of {len(losses)}" if len(losses) else "no run with this loss"
        said.append(f"{name}: {reached}" + (f", {lost} diverged" if lost else ""))
    note = show_reachable(axes, best := select.reachable(runs, measure), values, is_x=True)
    show_values(axes, values, *([best] if best is not None and "dashed" in note else []))
    axes.set_xlabel(f"{select.MEASURES[measure]}, nats per token{note}")
    perplexity_above(axes)
    picture.heading = f"Every seed: {select.MEASURES[measure]}"
    picture.description = (
        "A row a configuration, the best by validation first; a dot a seed, the bar their mean, the band its "
        f"95% t interval (from 3 seeds), an arrow what diverged. {'; '.join(said)}."
    )
    return picture


def _mark_lost(axes: Axes, row: int, lost: int, color: str) -> None:
    """Say at the right edge of a row how many runs lie beyond it."""
    axes.annotate(
        f"{lost} \N{RIGHTWARDS ARROW}",
        xy=(1, row),
        xycoords=("axes fraction", "data"),
        ha="left",
        va="center",
        xytext=(2, 0),
        textcoords="offset points",
        color=color,
        annotation_clip=False,
    )


@drawn
def draw_divergence(runs: pd.DataFrame) -> Picture:
    """Return how often each configuration diverged, of the runs that came to an end, with its exact 95% interval."""
    names, ended, look = select.ranked(runs), select.counted(runs), looks(runs)
    picture, axes = row_axes(names, right=0.6)
    said = []
    for row, name in enumerate(names):
        own = ended[ended["configuration"] == name]
        rate = rate_interval(int((own["status"] == "diverged").sum()), len(own))
        axes.plot([100 * rate.low, 100 * rate.high], [row, row], color=look[name].color, linewidth=2)
        axes.plot(100 * rate.rate, row, clip_on=False, zorder=3, **look[name].marks())
        count = f"{rate.count} of {rate.n}"
        axes.text(1.015, row, count, transform=axes.get_yaxis_transform(), va="center")
        said.append(f"{name}: {count} ({100 * rate.low:.0f} to {100 * rate.high:.0f}%)")
    axes.set_xlim(-3, 100)
    plain_axis(axes.xaxis)
    axes.set_xlabel("runs that diverged, % (95% interval of Clopper and Pearson)")
    picture.heading = "How often runs diverged"
    picture.description = "Share of the runs that diverged, with its 95% interval. " + "; ".join(said) + "."
    return picture
