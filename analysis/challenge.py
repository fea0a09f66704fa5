"""Lower loss, fewer iterations, fewer parameters: which runs of a study nobody beats on all three.

python -m analysis.challenge study=NAME [uri=MLFLOW_STORE] [out=FOLDER]

The challenge of the character-level GRU hackathon. The loss is the best on the validation split, in nats per
token; the iterations are the updates until then. A run is beaten by one that is no worse in all three and
better in one. Writes challenge.md and challenge.png.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from analysis.command import run_on_study
from analysis.load import NoRecords, load_history, load_runs
from analysis.tables import group_names, varying_settings

AXES = {"loss": "validation loss, nats per token", "iterations": "iterations", "parameters": "parameters"}


def entries(runs: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """One row a finished run: `entry` in words, loss, iterations, parameters, `beaten`; the best loss first.

    history : `run_id epoch valid/loss step`.
    """
    finished = runs[(runs["status"] == "FINISHED") & runs["run_id"].isin(history["run_id"])].copy()
    if finished.empty or "step" not in history:
        raise NoRecords("the study has no finished runs that recorded their iterations")
    settings = varying_settings(finished)
    if several := [key for key in settings if key.startswith("dataset.")]:
        raise NoRecords(
            f"the runs differ in {several[0]}, and losses on different data cannot be ranked: "
            "give each data set a study of its own"
        )
    best = history.loc[history.groupby("run_id")["valid/loss"].idxmin()].set_index("run_id")
    table = pd.DataFrame(
        {
            "entry": group_names(finished, settings),
            "seed": finished["params.seed"].to_numpy(),
            "loss": best.loc[finished["run_id"], "valid/loss"].to_numpy(),
            "iterations": best.loc[finished["run_id"], "step"].astype(int).to_numpy(),
            "parameters": finished["metrics.num_params"].astype(int).to_numpy(),
        }
    )
    table["beaten"] = beaten(table[list(AXES)].to_numpy())
    return table.sort_values(["loss", "iterations"], ignore_index=True)


def beaten(values) -> np.ndarray:
    """For each row (N, 3): whether another is no larger anywhere and smaller somewhere."""
    no_worse = (values[:, None] <= values).all(axis=2)
    better = (values[:, None] < values).any(axis=2)
    return (no_worse & better).any(axis=0)


def markdown(table: pd.DataFrame) -> str:
    lines = [
        "| place | entry | seed | loss | iterations | parameters | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for place, row in enumerate(table.itertuples(), 1):
        values = f"{row.seed} | {row.loss:.4f} | {row.iterations:,} | {row.parameters:,}"
        lines.append(f"| {place} | {row.entry} | {values} | {'' if row.beaten else 'nobody beats it'} |")
    return "\n".join(lines) + "\n"


def draw(table: pd.DataFrame, path: Path) -> None:
    """Each pair of axes; the runs that nobody beats are filled and named by their place in the table."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    pairs = [("iterations", "loss"), ("parameters", "loss"), ("parameters", "iterations")]
    for axes, (x, y) in zip(figure.subplots(1, 3), pairs):
        rest, front = table[table["beaten"]], table[~table["beaten"]]
        axes.plot(rest[x], rest[y], "o", markerfacecolor="none", color="0.6", label="beaten")
        axes.plot(front[x], front[y], "o", color="C0", label="nobody beats it")
        for place in np.flatnonzero(~table["beaten"].to_numpy()):
            at = table[x].iloc[place], table[y].iloc[place]
            axes.annotate(str(place + 1), at, xytext=(4, 4), textcoords="offset points")
        axes.set(xlabel=AXES[x], ylabel=AXES[y], xscale="log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(0.1)
        axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def report(study: str, uri: str, out: Path) -> str:
    runs = load_runs(study, uri)
    table = entries(runs, load_history(runs, ["valid/loss", "step"]))
    text = markdown(table)
    out.mkdir(parents=True, exist_ok=True)
    (out / "challenge.md").write_text(f"# {study}\n\n{text}")
    draw(table, out / "challenge.png")
    return text


if __name__ == "__main__":
    run_on_study(report, "challenge", "challenge.md, challenge.png", __doc__)
