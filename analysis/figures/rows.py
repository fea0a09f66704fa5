"""Lay out figures that have a row for each thing named: rows of equal height, names at the left."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rnnexp.analysis.figures.labels import wrapped
from rnnexp.analysis.figures.picture import Picture
from rnnexp.analysis.figures.style import GREY, WIDE, Look
from rnnexp.analysis.figures.ticks import plain_axis

LINE, LEAST_ROW = 0.155, 0.26  # inches: a line of text, a row
BELOW, ABOVE, RIGHT = 0.45, 0.12, 0.15  # inches
AXIS = 0.4  # inches of an axis above
WIDTH = 34  # of a name's lines, in characters
FAR = 1.0  # ranges of the values, from which what is best stands in words


def row_axes(
    names: Sequence[str],
    above: float = 0.0,
    row: float = LEAST_ROW,
    right: float = RIGHT,
    below: float = BELOW,
) -> tuple[Picture, Axes]:
    """Return a figure whose axes have the rows 0, 1, ... from the top, named.

    Parameters
    ----------
    above : inches to keep free above.
    row : inches of a row at least.
    right : inches to keep free at the right.
    below : inches of the axis below and its label.
    """
    broken = ["\n".join(wrapped(line, WIDTH) for line in name.split("\n")) for name in names]
    lines = max((name.count("\n") + 1 for name in broken), default=1)
    top = ABOVE + above
    height = max(row, LINE * lines + 0.06) * max(len(names), 1)
    picture = Picture(figsize=(WIDE, height + below + top))
    axes = picture.subplots()
    left = max((picture.size_of(name)[0] for name in broken), default=0.0)
    picture.margins(left + 0.2, right, below, top)
    axes.set_yticks(range(len(names)), broken)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    return picture, axes


def show_values(axes: Axes, values: Iterable[float], *more: float) -> None:
    """Set the limits of x to the finite values, with a little air, and give it plain ticks."""
    found = np.array([value for value in [*values, *more] if np.isfinite(value)])
    low, high = (found.min(), found.max()) if len(found) else (0.0, 1.0)
    air = 0.04 * (high - low) or max(abs(high) * 0.01, 1e-3)
    axes.set_xlim(low - air, high + air)
    plain_axis(axes.xaxis)


def show_reachable(axes: Axes, best: float | None, values: Iterable[float], is_x: bool) -> str:
    """Draw a line at the best that can be reached; return what to add to the axis's label.

    Where it lies far from all values the line would squeeze them, and stands in words only.
    """
    found = [value for value in values if np.isfinite(value)]
    if best is None or not found:
        return ""
    if min(found) - best > FAR * (max(found) - min(found)):
        return f" (best reachable: {best:.4g})"
    (axes.axvline if is_x else axes.axhline)(best, color=GREY, linestyle=(0, (2, 2)), linewidth=1.0)
    return " (dashed: best reachable)"


def percent_above(axes: Axes, label: str) -> None:
    """Put an axis above that says what a difference in nats is in percent of perplexity."""
    functions = (lambda x: 100 * np.expm1(x), lambda p: np.log1p(np.maximum(p, -99.9) / 100))
    _axis_above(axes, functions, label)


def perplexity_above(axes: Axes) -> None:
    """Put an axis above with the perplexity of each loss."""
    _axis_above(axes, (np.exp, lambda p: np.log(np.maximum(p, 1e-9))), "perplexity")


def _axis_above(axes: Axes, functions, label: str) -> None:
    above = axes.secondary_xaxis("top", functions=functions)
    above.set_xlabel(label)
    above.spines["top"].set_visible(True)
    plain_axis(above.xaxis)


def legend_height(names: Sequence[str]) -> float:
    """Return the inches that `name_above` takes."""
    return 0.1 + 0.19 * (len(names) if _is_long(names) else 1)


def name_above(axes: Axes, look: dict[str, Look]) -> None:
    """Name the markers above the axes, in one line where there is room."""
    names = list(look)
    handles = [axes.plot([], [], **look[name].marks())[0] for name in names]
    columns = 1 if _is_long(names) else len(names)
    options: dict[str, Any] = {
        "loc": "lower left",
        "bbox_to_anchor": (0, 1),
        "borderaxespad": 0.2,
        "handletextpad": 0.2,
    }
    axes.legend(handles, names, ncols=max(columns, 1), frameon=False, labelspacing=0.2, **options)


def _is_long(names: Sequence[str]) -> bool:
    return sum(len(name) + 4 for name in names) > 60
