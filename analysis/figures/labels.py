"""Name lines at their ends, and break long names into lines, without one over another."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from rnnexp.analysis.figures.picture import Picture
from rnnexp.analysis.figures.style import Look

GAP = 0.15  # inches between axes and names
AIR = 1.15  # of a name's height
JOINED = {"shrinkA": 1, "shrinkB": 2, "relpos": (0, 0.5)}  # to the middle of a name's left


@dataclass(frozen=True)
class End:
    """Hold where a line ends, in the units of its axes, and its name."""

    name: str
    x: float
    y: float
    look: Look


def wrapped(name: str, width: int, lines: int = 4) -> str:
    """Return a name in lines of at most `width` characters; the last ends in … where there is more."""
    parts = textwrap.wrap(name, width, max_lines=lines, placeholder=" …") or [name]
    return "\n".join(part if len(part) <= width else part[: width - 1] + "…" for part in parts)


def spread(wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Return the places nearest to those wanted at which things of these heights do not overlap.

    All lie between `low` and `high` where there is room for all; else they go on beyond `high`.
    """
    order = sorted(range(len(wanted)), key=lambda k: (wanted[k], k))
    blocks: list[tuple[list[int], float, float]] = []  # members, height, wanted centre
    for k in order:
        members, height, centre = [k], heights[k], wanted[k]
        while True:
            centre = max(min(centre, high - height / 2), low + height / 2)
            if not blocks or blocks[-1][2] + blocks[-1][1] / 2 <= centre - height / 2 + 1e-9:
                break
            before, tall, middle = blocks.pop()
            centre = (middle * tall + centre * height) / (tall + height)
            members, height = before + members, tall + height
        blocks.append((members, height, centre))
    places = [0.0] * len(wanted)
    for members, height, centre in blocks:
        bottom = centre - height / 2
        for k in members:
            places[k] = bottom + heights[k] / 2
            bottom += heights[k]
    return places


def room_for(picture: Picture, names: Iterable[str], width: int = 24) -> float:
    """Return the inches that `name_ends` takes to the right of axes."""
    return max((picture.size_of(wrapped(name, width))[0] for name in names), default=0.0) + GAP + 0.05


def name_ends(axes: Axes, ends: Sequence[End], width: int = 24) -> None:
    """Write names to the right of axes, each beside the end of its line and joined to it.

    The limits and the place of the axes must be final.

    Parameters
    ----------
    width : of a name's lines, in characters.
    """
    picture = axes.figure
    assert isinstance(picture, Picture)
    box = axes.get_window_extent()
    names = [wrapped(end.name, width) for end in ends]
    tall = [picture.size_of(name)[1] * picture.dpi * AIR for name in names]
    low, high = sorted(axes.get_ylim())
    points = [(end.x, float(np.clip(end.y, low, high))) for end in ends]
    wanted = [axes.transData.transform(point)[1] for point in points]
    right = 1 + GAP * picture.dpi / box.width
    for end, name, point, place in zip(ends, names, points, spread(wanted, tall, box.y0, box.y1)):
        color = end.look.color
        axes.annotate(
            name,
            xy=point,
            xytext=(right, (place - box.y0) / box.height),
            textcoords="axes fraction",
            va="center",
            color=color,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 1.0} | JOINED,
        )


def name_points(axes: Axes, points: Sequence[End], width: int = 24) -> None:
    """Write names beside points within axes, none at the height of another, joined where they had to move.

    The limits and the place of the axes must be final.

    Parameters
    ----------
    width : of a name's lines, in characters.
    """
    picture = axes.figure
    assert isinstance(picture, Picture)
    box = axes.get_window_extent()
    names = [wrapped(point.name, width) for point in points]
    sizes = [picture.size_of(name) for name in names]
    at = [axes.transData.transform((point.x, point.y)) for point in points]
    heights = [size[1] * picture.dpi * AIR for size in sizes]
    for point, name, size, (x, y), place in zip(
        points, names, sizes, at, spread([y for _, y in at], heights, box.y0, box.y1)
    ):
        is_right = x + (size[0] + GAP) * picture.dpi < box.x1
        axes.annotate(
            name,
            xy=(point.x, point.y),
            xytext=((1 if is_right else -1) * GAP * 72, (place - y) / picture.dpi * 72),
            textcoords="offset points",
            va="center",
            ha="left" if is_right else "right",
            color=point.look.color,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5},
            arrowprops={"arrowstyle": "-", "color": point.look.color, "linewidth": 1.0}
            | JOINED
            | {"relpos": (0 if is_right else 1, 0.5)},
            zorder=4,
        )
