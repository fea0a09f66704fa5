"""Draw what each part of a recipe is worth."""

import numpy as np
import pandas as pd

from rnnexp.analysis.figures.labels import wrapped
from rnnexp.analysis.figures.picture import Picture, drawn
from rnnexp.analysis.figures.rows import BELOW, LINE, legend_height, name_above, row_axes, show_values
from rnnexp.analysis.figures.style import GREY, look_of

BETWEEN = 0.28  # rows from one cell's interval to the next


@drawn
def draw_ablation(table: pd.DataFrame) -> Picture:
    """Return a forest plot: a row a part, an interval a cell, in nats by which the loss is worse without the part.

    Parameters
    ----------
    table : as from `analysis.ablation.worths`.
    """
    parts, cells = list(dict.fromkeys(table["part"])), sorted(table["cell"].unique())
    label = wrapped(
        "test loss without it less that of the whole recipe, nats per token (0.01 is 1% of perplexity)", 64
    )
    below = BELOW + LINE * label.count("\n")
    picture, axes = row_axes(parts, above=legend_height(cells), row=0.22 + 0.14 * len(cells), below=below)
    axes.axvline(0, color=GREY, linewidth=1.0, zorder=0.6)
    places = BETWEEN * (np.arange(len(cells)) - (len(cells) - 1) / 2)
    for cell, place in zip(cells, places):
        own, look = table[table["cell"] == cell], look_of(cell)
        rows = own["part"].map(parts.index) + place
        axes.hlines(rows, own["low"], own["high"], color=look.color, linestyle=look.dash, linewidth=1.5)
        axes.plot(own["worth"], rows, **look.marks())
    show_values(axes, [*table["low"], *table["high"]], 0.0)
    axes.set_xlabel(label)
    name_above(axes, {cell: look_of(cell) for cell in cells})
    picture.heading = "What each part of the recipe is worth"
    said = [f"{r.cell}, {r.part}: {r.worth:+.4f} ({r.low:+.4f} to {r.high:+.4f})" for r in table.itertuples()]
    picture.description = (
        "A row a part of the recipe, a 95% interval a cell, each by itself: by how much the test loss is worse without "
        "the part. "
        f"{'; '.join(said)}."
    )
    return picture
