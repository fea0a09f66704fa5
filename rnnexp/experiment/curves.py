"""Draw the learning curves of a run, legible on a slide and in grey: what it learnt, its best epoch, its test."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Records = Sequence[dict[str, Any]]
# Okabe and Ito's colours, told apart by dash and marker in grey
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#666666"
# kind -> name in the legend, and how the line and its points look
LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "train": ("training", {"color": GREY, "linestyle": (0, (4, 2)), "marker": "s", "markersize": 4}),
    "valid": ("validation", {"color": BLUE, "linestyle": "-", "marker": "o", "markersize": 5}),
}
TITLE = 52  # characters of a line
# of a decade, by how many times the least is the most; () as on a ruler
STEPS = (4, ()), (30, (1, 1.5, 2, 3, 5, 7))
MOST_POINTS = 20  # that get markers
SLIDE = 7.0, 4.2  # inches


def load_library() -> None:
    """Import what draws, which else is imported with the first figure."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401


def figure(records: Records, steps: Records, result: dict[str, float], title: str) -> "Figure":
    """Return the figure that a run keeps as curves.png; see `draw`."""
    from matplotlib.figure import Figure  # half a second, after training only

    made = Figure(figsize=SLIDE, layout="constrained")
    draw(made.subplots(), records, steps, result, title)
    return made


def draw(axes: "Axes", records: Records, steps: Records, result: dict[str, float], title: str) -> "Axes":
    """Draw perplexity over epochs, or over steps where these were measured; return the axes.

    A single point is no curve: it is a marker with its value. The best epoch is ringed, the test perplexity of its
    weights is a star in its place.

    Parameters
    ----------
    records, steps : of the epochs, and within them.
    result : the final metrics; empty of a run that has not finished.
    """
    over, label = ("updates", "training steps") if steps else ("epoch", "epoch")
    within = [record | {"updates": record["step"]} for record in steps]
    for kind, (name, look) in LOOKS.items():
        key = f"{kind}/ppl"
        rows = [record for record in within if key in record]
        # a mean over an epoch does not stand at its end beside means of few steps
        if kind == "train" and rows:
            rows = _over_as_many_steps(rows)
        else:
            rows = sorted([*rows, *records], key=lambda record: record[over])
        points = [(row[over], row[key]) for row in rows if key in row and math.isfinite(row[key])]
        _draw_points(axes, points, name, look)
    _mark_end(axes, records, result, over)
    axes.set_yscale("log")
    axes.set_xlabel(label, fontsize=12)
    axes.set_ylabel("perplexity", fontsize=12)
    named = textwrap.wrap(title, TITLE, max_lines=2, placeholder=" …")
    axes.set_title("\n".join(named), loc="left", fontsize=13)
    axes.tick_params(labelsize=11)
    axes.grid(True, color="#E6E6E6", linewidth=1.0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=11, frameon=False)
    _plain_ticks(axes)
    return axes


def _over_as_many_steps(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the means without those over less than half as many steps as usual: at an epoch's end, where they jump."""
    counts = np.diff([0, *(row["step"] for row in rows)])
    return [row for row, count in zip(rows, counts) if 2 * count >= max(counts)]


def _draw_points(axes: "Axes", points: list[tuple[float, float]], name: str, look: dict[str, Any]) -> None:
    """Draw a curve; of one point its marker and its value."""
    if not points:
        return
    x, y = zip(*points)
    one = {"linestyle": "none", "markersize": 8} if len(points) == 1 else {}
    every = max(len(points) // MOST_POINTS, 1)
    axes.plot(x, y, label=name, linewidth=1.8, markevery=every, **(look | one))
    if all(np.size(line.get_xdata()) == 1 for line in axes.lines):
        axes.annotate(
            f"{y[0]:.4g}", (x[0], y[0]), (10, 0), textcoords="offset points", va="center", fontsize=11
        )


def _mark_end(axes: "Axes", records: Records, result: dict[str, float], over: str) -> None:
    """Mark the best epoch by a ring, and put a star at the test perplexity of its weights."""
    best = next((record for record in records if record["epoch"] == result.get("best/epoch")), None)
    if not best:
        return
    ring: dict[str, Any] = {
        "marker": "o",
        "markersize": 12,
        "markerfacecolor": "none",
        "markeredgewidth": 1.8,
    }
    said = f"best validation, {best['valid/ppl']:.4g} (epoch {best['epoch']})"
    axes.plot([best[over]], [best["valid/ppl"]], color=BLUE, linestyle="none", label=said, **ring)
    if "test/ppl" in result:
        star: dict[str, Any] = {
            "marker": "*",
            "markersize": 13,
            "markeredgecolor": "white",
            "markeredgewidth": 0.6,
        }
        said = f"test, {result['test/ppl']:.4g}"
        axes.plot(
            [best[over]],
            [result["test/ppl"]],
            color=VERMILION,
            linestyle="none",
            zorder=4,
            label=said,
            **star,
        )


def _plain_ticks(axes: "Axes") -> None:
    """Write ticks as people do (1,000 and not 10^3), whole ones below; none between that would be overwritten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    low, high = axes.get_ylim()
    subs = next((steps for most, steps in STEPS if high / low < most), (1, 2, 5))
    axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12) if subs else MaxNLocator(6))
    left, right = axes.get_xlim()
    if right - left < 1:  # a lone epoch
        axes.set_xlim(left - 1, right + 1)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    for axis in axes.xaxis, axes.yaxis:
        axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:,.10g}"))
    axes.yaxis.set_minor_locator(NullLocator())
