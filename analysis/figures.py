"""Draw the figures of a study."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter, StrMethodFormatter

from analysis.comparison import Comparison

CHALLENGE_AXES = {
    "loss": "validation loss, nats per token",
    "iterations": "iterations",
    "parameters": "parameters",
}


def draw_learning_curves(comparison: Comparison, history: pd.DataFrame, title: str, path: Path) -> None:
    """Draw validation perplexity over the epochs: a thin line a seed, a thick one for their mean.

    The mean ends with the first seed that stops; a dashed line is the best reachable perplexity.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    finished = comparison.finished
    for k, group in enumerate(comparison.groups["group"]):
        color = f"C{k % 10}"
        runs = finished[finished["group"] == group]
        curves = history[history["run_id"].isin(runs["run_id"])].pivot_table(
            index="epoch", columns="run_id", values="valid/ppl"
        )
        if curves.empty:
            continue
        axes.plot(curves.index, curves, color=color, linewidth=0.8, alpha=0.45)
        mean = curves.dropna().mean(axis=1)
        axes.plot(mean.index, mean, color=color, linewidth=2.2, marker=".", label=f"{group} (n={len(runs)})")
    oracle = finished.get("metrics.oracle/valid_ppl", pd.Series(dtype=float)).dropna()
    if oracle.nunique() == 1:
        axes.axhline(oracle.iloc[0], color="0.3", linestyle="--", linewidth=1.2, label="best reachable")
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
