"""Draw a few differences with their intervals, a row each."""

from collections.abc import Mapping

from rnnexp.analysis.differences import Difference
from rnnexp.analysis.figures.picture import Picture, drawn
from rnnexp.analysis.figures.rows import row_axes, show_values
from rnnexp.analysis.figures.style import GREY


@drawn
def draw_forest(gaps: Mapping[str, Difference], label: str, heading: str) -> Picture:
    """Return a row for each named difference: its mean, and its interval as a line; 0 is a line across.

    Parameters
    ----------
    label : of the axis, with the unit.
    """
    picture, axes = row_axes(list(gaps), row=0.36, right=0.3)
    for row, gap in enumerate(gaps.values()):
        axes.plot([gap.low, gap.high], [row, row], color="black", linewidth=1.5)
        axes.plot(gap.mean, row, color="black", marker="D", markersize=6)
    axes.axvline(0, color=GREY, linewidth=1.0, zorder=1)
    show_values(axes, [end for gap in gaps.values() for end in (gap.low, gap.high)], 0.0)
    axes.set_xlabel(label)
    picture.heading = heading
    said = "; ".join(
        f"{name}: {gap.mean:.3f} ({gap.low:.3f} to {gap.high:.3f})" for name, gap in gaps.items()
    )
    picture.description = f"{label}, mean and 95% interval. {said}."
    return picture
