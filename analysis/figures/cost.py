"""Draw what a loss costs: parameters, operations, seconds."""

import numpy as np
import pandas as pd

from rnnexp.analysis.figures import select
from rnnexp.analysis.figures.labels import End, name_points
from rnnexp.analysis.figures.picture import Picture, drawn
from rnnexp.analysis.figures.rows import show_reachable
from rnnexp.analysis.figures.style import GREY, WIDE, looks
from rnnexp.analysis.figures.ticks import plain_axis
from rnnexp.analysis.intervals import mean_interval
from rnnexp.analysis.pareto import is_beaten

COSTS = {
    "parameters": "parameters",
    "recurrent_parameters": "recurrent parameters",
    "operations_per_token": "operations a token",
    "train_cpu_s": "CPU seconds of training",
    "epoch_cpu_s": "CPU seconds an epoch",
}
LOG_FROM = 3.0  # times the least cost


def pareto_rows(runs: pd.DataFrame, cost: str = "parameters", measure: str = "test_loss") -> pd.DataFrame:
    """Return a row a configuration: `configuration cost loss low high beaten`, the cheapest first.

    Loss is the mean over the finished runs, `low` and `high` the ends of its 95% t interval (NaN of a single
    run). Beaten is who another is no dearer than and no worse, and better in one of the two.
    """
    own = select.finished(runs, measure).assign(cost=select.column(runs, cost)).dropna(subset=["cost"])
    rows = []
    for name, members in own.groupby("configuration"):
        mean = mean_interval(members[measure])
        rows.append((str(name), float(members["cost"].mean()), mean.mean, mean.low, mean.high))
    table = pd.DataFrame(rows, columns=["configuration", "cost", "loss", "low", "high"])
    table["beaten"] = is_beaten(table[["cost", "loss"]].to_numpy(float)) if len(table) else False
    return table.sort_values(["cost", "loss"], ignore_index=True)


@drawn
def draw_pareto(runs: pd.DataFrame, cost: str = "parameters", measure: str = "test_loss") -> Picture:
    """Return mean loss over a cost, a mark a configuration, with the front of those that nobody beats.

    The front is named; the others are too where there are six or fewer in all.
    """
    table, look = pareto_rows(runs, cost, measure), looks(runs)
    picture = Picture(figsize=(WIDE, 3.4))
    axes = picture.subplots()
    front = table[~table["beaten"].astype(bool)]
    named = table if len(table) <= 6 else front
    picture.margins(0.82, 0.15, 0.45, 0.15)
    for name, x, y, low, high, is_beaten_ in table.itertuples(index=False):
        if np.isfinite(low) and (runs["configuration"] == name).sum() >= 3:
            axes.plot([x, x], [low, high], color=look[name].color, linewidth=1.2, alpha=0.6)
        axes.plot(x, y, **look[name].marks(markersize=6, alpha=0.45 if is_beaten_ else 1.0, zorder=3))
    axes.plot(front["cost"], front["loss"], color=GREY, linewidth=1.2, drawstyle="steps-post", zorder=1.8)
    is_log = len(table) > 0 and table["cost"].max() > LOG_FROM * table["cost"].min() > 0
    note = show_reachable(axes, select.reachable(runs, measure), [*table["loss"], *table["low"]], is_x=False)
    axes.margins(0.08, 0.1)
    plain_axis(axes.xaxis, log=is_log)
    plain_axis(axes.yaxis)
    axes.autoscale_view()
    note = note.replace(" (", "\n(")
    axes.set(xlabel=COSTS[cost], ylabel=f"{select.MEASURES[measure]}, nats per token{note}")
    axes.set_xlim(axes.get_xlim())
    axes.set_ylim(axes.get_ylim())
    name_points(
        axes,
        [
            End(name, x, y, look[name])
            for name, x, y in zip(named["configuration"], named["cost"], named["loss"])
        ],
    )
    picture.heading = f"{select.MEASURES[measure].capitalize()} over {COSTS[cost]}"
    reached = [f"{row.configuration}: {row.cost:,.0f}, {row.loss:.4f}" for row in front.itertuples()]
    picture.description = (
        "Mean loss of each configuration with its 95% t interval; the line joins those that no other beats in "
        f"both, the rest are pale. The front: {'; '.join(reached) or 'nothing is recorded'}."
    )
    return picture
