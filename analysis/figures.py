"""Draw the figures of a study."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter, StrMethodFormatter

from analysis.study import Study

CHALLENGE_AXES = {
    "loss": "validation loss, nats per token",
    "iterations": "iterations",
    "parameters": "parameters",
}


def draw_learning_curves(study: Study, path: Path) -> None:
    """Draw validation perplexity over the epochs: a thin line a seed, a thick one for their mean.

    The mean ends with the first seed that stops.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    runs, history = study.runs, study.history
    standing = [name for group in study.groups for name in group.standing]
    for k, name in enumerate(standing):
        color = f"C{k % 10}"
        own = runs[(runs["configuration"] == name) & (runs["status"] == "finished") & runs["reported"]]
        curves = history[history["run_id"].isin(own["run_id"])].pivot_table(
            index="epoch", columns="run_id", values="valid/loss"
        )
        if curves.empty:
            continue
        curves = curves.map(np.exp)
        axes.plot(curves.index, curves, color=color, linewidth=0.8, alpha=0.45)
        mean = curves.dropna().mean(axis=1)
        axes.plot(mean.index, mean, color=color, linewidth=2.2, marker=".", label=f"{name} (n={len(own)})")
    title = ", ".join(study.studies)
    axes.set(xlabel="epoch", ylabel="validation perplexity", title=title)
    low, high = axes.get_ylim()
    if high > 5 * max(low, 1):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5)))
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter("")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False).set_in_layout(False)  # long names must not squeeze the axes
    figure.savefig(path, dpi=150)


def draw_challenge(table: pd.DataFrame, path: Path) -> None:
    """Draw the runs over each pair of axes; fill those that no other beats, and name them by their table row.

    Parameters
    ----------
    table : as from `analysis.challenge.rank_entries`.
    """
    figure = Figure(figsize=(11, 4), layout="constrained")
    pairs = [("iterations", "loss"), ("parameters", "loss"), ("parameters", "iterations")]
    for axes, (x, y) in zip(figure.subplots(1, 3), pairs):
        rest, front = table[table["beaten"]], table[~table["beaten"]]
        axes.plot(rest[x], rest[y], "o", markerfacecolor="none", color="0.6", label="beaten")
        axes.plot(front[x], front[y], "o", color="C0", label="nobody beats it")
        for place in np.flatnonzero(~table["beaten"].to_numpy()):
            at = table[x].iloc[place], table[y].iloc[place]
            axes.annotate(str(place + 1), at, xytext=(4, 4), textcoords="offset points")
        axes.set(xlabel=CHALLENGE_AXES[x], ylabel=CHALLENGE_AXES[y], xscale="log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(0.1)
        axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
