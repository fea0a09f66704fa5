"""Draw how far apart configurations are."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rnnexp.analysis.figures import select
from rnnexp.analysis.figures.labels import wrapped
from rnnexp.analysis.figures.picture import Picture, drawn
from rnnexp.analysis.figures.rows import AXIS, BELOW, LINE, percent_above, row_axes, show_values
from rnnexp.analysis.figures.style import GREY, PALE, Look, look_of, looks
from rnnexp.analysis.verdict import Verdict

MOST_PAIRS = 24
APART = 0.2  # rows between the interval and the dots of either configuration


@drawn
def draw_differences(
    verdicts: Sequence[Verdict], runs: pd.DataFrame, margin: float = 0.01, measure: str = "test_loss"
) -> Picture:
    """Return a forest plot: a row a pair, its difference in nats with the interval, a dot a seed.

    A dot above the interval is a run of the worse configuration minus the mean of the better, one below
    the mean of the worse minus a run of the better: both lie about the difference. The grey band holds
    differences too small to matter. Of more than 24 pairs those with the best configuration are shown.

    Parameters
    ----------
    verdicts : of pairs of configurations.
    runs : of the study.
    margin : in nats.
    """
    shown, note = _choose(verdicts, runs)
    against = {one.better for one in shown}
    common = against.pop() if len(against) == 1 else None
    names = [one.worse if common else f"{one.worse}\n\N{MINUS SIGN} {one.better}" for one in shown]
    minus = f" less that of {common}" if common else ", the first less the second"
    label = wrapped(f"{select.MEASURES[measure]}{minus}, nats per token", 64)
    below = BELOW + LINE * label.count("\n")
    picture, axes = row_axes(names or ["no pair may be compared"], above=AXIS, row=0.36, below=below)
    axes.axvspan(-margin, margin, color=PALE, linewidth=0, zorder=0.5)
    axes.axvline(0, color=GREY, linewidth=1.0, zorder=0.6)
    look = looks(runs)
    values = [-margin, margin]
    for row, one in enumerate(shown):
        values += _draw_pair(axes, row, one, select.finished(runs, measure), measure, look)
    show_values(axes, values)
    axes.set_xlabel(label)
    percent_above(axes, "the worse perplexity is higher by, %")
    picture.heading = "Differences between configurations"
    picture.description = (
        "A row a pair, the worse configuration named first: the difference of mean loss with its interval, "
        f"above it the runs of the worse, below it those of the better. The grey band is ±{margin:g} nats. "
        f"{note}{_in_words(shown)}"
    )
    return picture


def _choose(verdicts: Sequence[Verdict], runs: pd.DataFrame) -> tuple[list[Verdict], str]:
    """Return the verdicts to show, the largest difference last, and what to say of the others."""
    shown = [one for one in verdicts if not one.kind.startswith("refused")]
    refused = [f"{one.worse} and {one.better} ({one.kind})" for one in verdicts if one not in shown]
    note = f"Without a row: {'; '.join(refused)}. " if refused else ""
    if len(shown) > MOST_PAIRS:
        note += f"Of {len(shown)} pairs the {MOST_PAIRS} whose difference is largest are shown. "
    size = {id(one): one.tested.difference.mean if one.tested else np.inf for one in shown}
    return sorted(shown, key=lambda one: size[id(one)])[-MOST_PAIRS:], note


def _draw_pair(
    axes: Axes, row: int, one: Verdict, runs: pd.DataFrame, measure: str, look: dict[str, Look]
) -> list[float]:
    """Draw a row; return the values that must be seen."""
    high, low = (
        runs.loc[runs["configuration"] == name, measure].to_numpy(float) for name in (one.worse, one.better)
    )
    values: list[float] = []
    if one.tested:
        gap = one.tested.difference
        axes.plot([gap.low, gap.high], [row, row], color="black", linewidth=2.0, solid_capstyle="butt")
        axes.plot(gap.mean, row, marker="|", color="black", markersize=10, markeredgewidth=2.0)
        values += [gap.low, gap.high]
    if not len(high) or not len(low):
        return values
    for name, dots, at in (
        (one.worse, high - low.mean(), row - APART),
        (one.better, high.mean() - low, row + APART),
    ):
        axes.plot(
            dots, np.full(len(dots), at), **look.get(name, look_of(name)).marks(alpha=0.8, markersize=4)
        )
        values += list(dots)
    return values


def _in_words(shown: Sequence[Verdict]) -> str:
    """Return every difference with its interval."""
    said = [
        f"{one.worse} minus {one.better}: {gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})"
        if one.tested and (gap := one.tested.difference)
        else f"{one.worse} and {one.better}: {one.kind}"
        for one in shown
    ]
    return "; ".join(said) + "." if said else "There are no pairs."
