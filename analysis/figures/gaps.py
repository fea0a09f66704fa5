"""Draw where a gap comes from."""

import numpy as np
import pandas as pd

from rnnexp.analysis.figures import select
from rnnexp.analysis.figures.picture import Picture, drawn
from rnnexp.analysis.figures.rows import legend_height, name_above, row_axes, show_values
from rnnexp.analysis.figures.style import GREY, PALE, looks
from rnnexp.analysis.figures.ticks import plain
from rnnexp.analysis.gap import EVERY

MOST = 6  # configurations
UNITS = {  # what a size counts: on the grammar, and in the copying task
    "agreement": "distance {}",
    "bracket": "{} open",
    "counting": "{} tick{s} left",
    "wait": "{} blank{s}",
    "recall": "distance {}",
}


@drawn
def draw_excess(rows: pd.DataFrame, runs: pd.DataFrame) -> Picture:
    """Return the excess over the best reachable by class of token: the best configuration of each cell.

    Where the best reachable is not known it is the loss itself. Lines are 95% intervals for other text.

    Parameters
    ----------
    rows : as from `analysis.gap.excess_by_class`.
    runs : of the study.
    """
    known = set(rows["configuration"])
    names = [name for name in select.best_of_each_cell(runs) if name in known][:MOST]
    own = rows[rows["configuration"].isin(names)]
    places = _places(own)
    look = looks(runs)
    labels, row = [_called(*place) for place in places], max(0.26, 0.11 * len(names) + 0.08)
    picture, axes = row_axes(labels, above=legend_height(names), row=row)
    values = []
    for number, name in enumerate(names):
        off = (number - (len(names) - 1) / 2) * min(0.8 / len(names), 0.25)
        table = _table(own[own["configuration"] == name], places)
        at = np.arange(len(places)) + off
        axes.hlines(at, table["low"], table["high"], color=look[name].color, linewidth=1.5, alpha=0.6)
        axes.plot(table["excess"], at, **look[name].marks())
        values += [*table["excess"], *table["low"], *table["high"]]
    is_excess = bool(own["best_reachable"].notna().all())
    if is_excess:
        axes.axvline(0, color=GREY, linewidth=1.0, zorder=0.6)
    _shade_kinds(axes, places)
    show_values(axes, values, *([0.0] if is_excess else []))
    what = "excess over the best reachable" if is_excess else "test loss"
    axes.set_xlabel(f"{what}, nats per token of the class")
    name_above(axes, {name: look[name] for name in names})
    picture.heading = f"{what.capitalize()} by class of token"
    every = own[own["size"] == EVERY]
    said = [f"{row.configuration}, {row.kind}: {row.excess:.4f}" for row in every.itertuples()]
    picture.description = f"Lines are 95% intervals for other text, clustered by sentence. {'; '.join(said)}."
    return picture


@drawn
def draw_gap(rows: pd.DataFrame, worse: str, better: str) -> Picture:
    """Return what each class of token adds to the gap of two configurations, with its share beside it.

    Parameters
    ----------
    rows : as from `analysis.gap.gap_by_class`.
    worse, better : the configurations.
    """
    places = _places(rows)
    table = _table(rows, places)
    picture, axes = row_axes([_called(*place) for place in places], right=0.75)
    is_kind = np.array([size == EVERY for _, size in places])
    at = np.arange(len(places))
    axes.barh(at, table["contribution"], height=0.6, color=np.where(is_kind, "#555555", "#AAAAAA"))
    axes.hlines(at, table["low"], table["high"], color="black", linewidth=1.2)
    axes.axvline(0, color=GREY, linewidth=1.0)
    _shade_kinds(axes, places)
    for row, share in enumerate(table["share"]):
        words = "" if np.isnan(share) else f"{plain(round(100 * share))}%"
        axes.text(1.1, row, words, transform=axes.get_yaxis_transform(), va="center", ha="right")
    show_values(axes, [*table["low"], *table["high"]], 0.0)
    axes.set_xlabel("part of the gap, nats per token of the text (right: share of the gap)")
    picture.heading = f"Where the gap between {worse} and {better} comes from"
    said = [
        f"{kind}: {part:+.4f}" + ("" if np.isnan(share) else f", {100 * share:.0f}%")
        for (kind, size), part, share in zip(places, table["contribution"], table["share"])
        if size == EVERY
    ]
    picture.description = (
        f"Loss of {worse} minus that of {better}, by class of token: dark bars are kinds, pale ones their parts; "
        f"lines are 95% intervals for other text, clustered by sentence. {'; '.join(said)}."
    )
    return picture


def _places(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return every kind and size, in the order of the rows."""
    return list(dict.fromkeys(zip(rows["kind"], rows["size"])))


def _table(rows: pd.DataFrame, places: list[tuple[str, str]]) -> pd.DataFrame:
    """Return the numbers at the places, NaN where the rows have none."""
    index = pd.MultiIndex.from_tuples(places, names=["kind", "size"])
    return rows.set_index(["kind", "size"]).select_dtypes("number").reindex(index).astype(float)


def _called(kind: str, size: str) -> str:
    """Return what a class is called at its row."""
    return kind if size == EVERY else UNITS.get(kind, "{}").format(size, s="" if size == "1" else "s")


def _shade_kinds(axes, places: list[tuple[str, str]]) -> None:
    """Draw a line above each kind, and its name in bold."""
    for row, ((_, size), label) in enumerate(zip(places, axes.get_yticklabels())):
        if size == EVERY:
            label.set_fontweight("bold")
            if row:
                axes.axhline(row - 0.5, color=PALE, linewidth=1.0, zorder=0.5)
