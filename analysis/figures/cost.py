"""Draw loss over the number of parameters."""

import numpy as np
import pandas as pd

from rnnexp.analysis.figures import select
from rnnexp.analysis.figures.labels import End, name_points
from rnnexp.analysis.figures.picture import Picture, drawn
from rnnexp.analysis.figures.rows import show_reachable
from rnnexp.analysis.figures.style import GREY, WIDE, looks
from rnnexp.analysis.figures.ticks import plain_axis
from rnnexp.analysis.intervals import LEAST_INTERVAL, mean_interval
from rnnexp.analysis.pareto import is_beaten

LOG_FROM = 3.0  # times the least number


def pareto_rows(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row a configuration: `configuration parameters loss low high beaten`, the smallest first.

    Loss is the mean over the finished runs, `low` and `high` the ends of its 95% t interval (NaN under three
    runs). Beaten is who another is no larger than and no worse, and better in one of the two.
    """
    own = select.finished(runs, "test_loss").dropna(subset=["parameters"])
    rows = []
    for name, members in own.groupby("configuration"):
        mean = mean_interval(members["test_loss"])
        ends = (mean.low, mean.high) if mean.n >= LEAST_INTERVAL else (np.nan, np.nan)
        rows.append((str(name), float(members["parameters"].mean()), mean.mean, *ends))
    table = pd.DataFrame(rows, columns=["configuration", "parameters", "loss", "low", "high"])
    table["beaten"] = is_beaten(table[["parameters", "loss"]].to_numpy(float)) if len(table) else False
    return table.sort_values(["parameters", "loss"], ignore_index=True)


@drawn
def draw_pareto(runs: pd.DataFrame) -> Picture:
    """Return mean test loss over parameters, a mark a configuration, with the front of those that nobody beats.

    The front is named; the others are too where there are six or fewer in all.
    """
    table, look = pareto_rows(runs), looks(runs)
    picture = Picture(figsize=(WIDE, 3.4))
    axes = picture.subplots()
    front = table[~table["beaten"].astype(bool)]
    named = table if len(table) <= 6 else front
    picture.margins(0.82, 0.15, 0.45, 0.15)
    for name, x, y, low, high, is_beaten_ in table.itertuples(index=False):
        if np.isfinite(low):
            axes.plot([x, x], [low, high], color=look[name].color, linewidth=1.2, alpha=0.6)
        axes.plot(x, y, **look[name].marks(markersize=6, alpha=0.45 if is_beaten_ else 1.0, zorder=3))
    axes.plot(
        front["parameters"], front["loss"], color=GREY, linewidth=1.2, drawstyle="steps-post", zorder=1.8
    )
    is_log = len(table) > 0 and table["parameters"].max() > LOG_FROM * table["parameters"].min() > 0
    note = show_reachable(
        axes, select.reachable(runs, "test_loss"), [*table["loss"], *table["low"]], is_x=False
    )
    axes.margins(0.08, 0.1)
    plain_axis(axes.xaxis, log=is_log)
    plain_axis(axes.yaxis)
    axes.autoscale_view()
    note = note.replace(" (", "\n(")
    axes.set(xlabel="parameters", ylabel=f"test loss, nats per token{note}")
    axes.set_xlim(axes.get_xlim())
    axes.set_ylim(axes.get_ylim())
    name_points(
        axes,
        [
            End(name, x, y, look[name])
            for name, x, y in zip(named["configuration"], named["parameters"], named["loss"])
        ],
    )
    picture.heading = "Test loss over parameters"
    reached = [f"{row.configuration}: {row.parameters:,.0f}, {row.loss:.4f}" for row in front.itertuples()]
    picture.description = (
        "Mean loss of each configuration with its 95% t interval; the line joins those that no other beats in "
        f"both, the rest are pale. The front: {'; '.join(reached) or 'nothing is recorded'}."
    )
    return picture
