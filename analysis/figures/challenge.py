"""Draw the entries of the challenge."""

from pathlib import Path

import numpy as np
import pandas as pd

from rnnexp.analysis.figures.picture import Picture
from rnnexp.analysis.figures.style import FAINT, styled
from rnnexp.analysis.figures.ticks import plain_axis

CHALLENGE_AXES = {
    "loss": "validation loss, nats per token",
    "iterations": "iterations",
    "parameters": "parameters",
}
PAIRS = [("iterations", "loss"), ("parameters", "loss"), ("parameters", "iterations")]


def draw_challenge(table: pd.DataFrame, path: Path) -> None:
    """Draw the runs over each pair of axes; fill those that no other beats, and name them by their table row.

    Parameters
    ----------
    table : as from `analysis.challenge.rank_entries`.
    """
    with styled():
        picture = Picture(figsize=(11, 3.6))
        columns = picture.subplots(1, len(PAIRS))
        picture.margins(0.75, 0.15, 0.45, 0.15, between=0.85)
        rest, front = table[table["beaten"]], table[~table["beaten"]]
        for axes, (x, y) in zip(columns, PAIRS):
            axes.plot(rest[x], rest[y], "o", markerfacecolor="none", color=FAINT, label="beaten")
            axes.plot(front[x], front[y], "o", color="#0072B2", label="nobody beats it")
            for place in np.flatnonzero(~table["beaten"].to_numpy()):
                at = table[x].iloc[place], table[y].iloc[place]
                axes.annotate(str(place + 1), at, xytext=(4, 4), textcoords="offset points")
            axes.margins(0.1)
            plain_axis(axes.xaxis, log=True)
            plain_axis(axes.yaxis)
            axes.set(xlabel=CHALLENGE_AXES[x], ylabel=CHALLENGE_AXES[y])
        columns[-1].legend(frameon=False)
        picture.savefig(path, dpi=150)
