"""Figures of a study."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, ScalarFormatter

from analysis.tables import Comparison


def learning_curves(comparison: Comparison, history: pd.DataFrame, title: str, path: Path) -> None:
    """Validation perplexity over the epochs: a thin line a seed, a thick one for their mean.

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
