"""Draw how runs learn: every seed, their mean and its band, over epochs, seconds and tokens."""

from collections.abc import Iterable, Sequence
from math import ceil

import pandas as pd
from matplotlib.axes import Axes

from rnnexp.analysis.figures import select
from rnnexp.analysis.figures.curve_data import Curve, curves, seconds_column
from rnnexp.analysis.figures.curve_lines import draw_curve, longest, set_limits, with_count
from rnnexp.analysis.figures.labels import name_ends, room_for, wrapped
from rnnexp.analysis.figures.picture import Picture, drawn
from rnnexp.analysis.figures.rows import FAR
from rnnexp.analysis.figures.style import FAINT, GREY, WIDE, Look, looks
from rnnexp.analysis.figures.ticks import plain_axis

MOST_TOGETHER = 6  # configurations in one pair of axes
LEAST_ENLARGED = 8  # epochs of which the second half is worth axes of its own
SKIPPED = 1 / 8  # of the epochs, which the vertical axis of costs and of facets need not show
COLUMNS, PANEL = 4, 0.85  # of facets; inches of height
LEFT, BOTTOM, TOP = 0.66, 0.45, 0.15  # inches
X_LABELS = {"epoch": "epoch", "tokens": "tokens", "epoch_cpu_s": "CPU seconds", "epoch_s": "seconds"}
Y_LABELS = {
    "valid/loss": "validation loss, nats per token",
    "train/loss": "training loss, nats per token",
    "grad_norm": "mean gradient norm",
}
LEGEND = (
    "Thin lines are seeds, thick ones their means, bands the 95% t intervals of the means (from 3 seeds). "
    "A bar marks where a seed stopped: mean and band end with the first. An arrow marks a run that leaves the axes; "
    "a dashed line, where there is one, is the best reachable loss. "
)


@drawn
def draw_curves(runs: pd.DataFrame, history: pd.DataFrame, measure: str = "valid/loss") -> Picture:
    """Return the learning curves over epochs: together up to six configurations, else a panel for each.

    The second half of the epochs stands enlarged beside the whole.

    Parameters
    ----------
    runs, history : of a study.
    measure : a column of the history.
    """
    found = _ordered(curves(runs, history, measure), select.ranked(runs))
    draw = _draw_together if len(found) <= MOST_TOGETHER else _draw_facets
    best = select.reachable(runs, "valid_loss") if measure == "valid/loss" else None
    picture = draw(found, looks(runs), measure, best)
    picture.heading = f"{Y_LABELS.get(measure, measure).split(',')[0].capitalize()} over epochs"
    picture.description = LEGEND + _in_words(found)
    return picture


def draw_gradient_norms(runs: pd.DataFrame, history: pd.DataFrame) -> Picture:
    """Return the mean gradient norm (before clipping) over epochs, on a logarithmic axis."""
    return draw_curves(runs, history, "grad_norm")


@drawn
def draw_costs(runs: pd.DataFrame, history: pd.DataFrame) -> Picture:
    """Return validation loss over seconds and over tokens, of the best configuration of each cell.

    A cost that is not recorded has no panel.
    """
    best = select.best_of_each_cell(runs)[:MOST_TOGETHER]
    panels = {
        over: own
        for over in ("seconds", "tokens")
        if (own := _ordered(curves(runs, history, "valid/loss", over), best))
    }
    picture = Picture(figsize=(WIDE, 3.0))
    columns = picture.subplots(1, max(len(panels), 1), sharey=True, squeeze=False)[0]
    named = {with_count(curve) for own in panels.values() for curve in own}
    picture.margins(LEFT, room_for(picture, named), BOTTOM, TOP, between=0.2)
    for axes, (over, own) in zip(columns, panels.items()):
        x_label = X_LABELS[seconds_column(history) if over == "seconds" else over]
        _fill(axes, own, looks(runs), x_label, is_named=axes is columns[-1], skipped=SKIPPED)
        axes.tick_params(labelleft=axes is columns[0])
    columns[0].set_ylabel(Y_LABELS["valid/loss"])
    if not panels:
        _say_nothing(columns[0])
    picture.heading = f"Validation loss over {select.join(list(panels)) or 'cost'}"
    chosen = f"The best configuration of each cell by validation: {'; '.join(best)}. "
    picture.description = chosen + LEGEND + _in_words(next(iter(panels.values()), []))
    return picture


def _ordered(found: Sequence[Curve], names: Sequence[str]) -> list[Curve]:
    """Return the curves of these configurations, in their order."""
    by_name = {curve.name: curve for curve in found}
    return [by_name[name] for name in names if name in by_name]


def _draw_together(
    found: Sequence[Curve], look: dict[str, Look], measure: str, best: float | None
) -> Picture:
    """Draw all in one pair of axes, and the second half enlarged beside it."""
    is_log = measure == "grad_norm"
    epochs = longest(found)
    is_enlarged = epochs >= LEAST_ENLARGED and not is_log
    picture = Picture(figsize=(WIDE, 3.2))
    columns = picture.subplots(1, 1 + is_enlarged, squeeze=False)[0]
    picture.margins(LEFT, room_for(picture, map(with_count, found)), BOTTOM, TOP, between=0.5)
    for axes, first in zip(columns, (0, epochs // 2)):
        if found:
            part = [curve.since(first) for curve in found]
            _fill(axes, part, look, "epoch", is_log, is_named=axes is columns[-1], best=best)
        else:
            _say_nothing(axes)
    columns[0].set_ylabel(Y_LABELS.get(measure, measure))
    return picture


def _fill(
    axes: Axes,
    found: Sequence[Curve],
    look: dict[str, Look],
    x_label: str,
    is_log: bool = False,
    is_named: bool = True,
    skipped: float = 0.0,
    best: float | None = None,
) -> None:
    """Draw curves into one pair of axes, named at their ends, and a dashed line at the best reachable."""
    set_limits(axes, found, is_log, skipped)
    _show_best(axes, best)
    plain_axis(axes.xaxis, whole=x_label == "epoch", most=6)
    plain_axis(axes.yaxis, log=is_log)
    axes.set_xlabel(x_label)
    epochs = longest(found)
    ends = [
        draw_curve(axes, curve, look[curve.name], epochs, shift=place / len(found))
        for place, curve in enumerate(found)
    ]
    if is_named:
        name_ends(axes, ends)


def _draw_facets(found: Sequence[Curve], look: dict[str, Look], measure: str, best: float | None) -> Picture:
    """Draw a panel a configuration, with the mean of the best in grey in each."""
    is_log = measure == "grad_norm"
    rows = ceil(len(found) / COLUMNS)
    names = [wrapped(curve.name, 22) for curve in found]
    gap = 0.1 + 0.155 * max(name.count("\n") + 1 for name in names)  # inches, for the names
    tall = rows * (PANEL + gap) + BOTTOM
    picture = Picture(figsize=(WIDE, tall))
    grid = picture.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    picture.margins(LEFT, 0.1, BOTTOM, gap, between=0.15)
    picture.subplots_adjust(hspace=gap / PANEL)
    set_limits(grid[0, 0], found, is_log, SKIPPED)
    _show_best(grid[0, 0], best, grid.flat)
    plain_axis(grid[0, 0].xaxis, whole=True, most=4)  # shared by all
    plain_axis(grid[0, 0].yaxis, log=is_log, most=4)
    epochs, (x, mean, _) = longest(found), found[0].mean()
    for place, axes in enumerate(grid.flat):
        if place >= len(found):
            axes.remove()
            continue
        if place:
            axes.plot(x, mean, color=FAINT, linewidth=1.2, zorder=1.5)
        draw_curve(axes, found[place], look[found[place].name], epochs, marks=4)
        axes.set_title(names[place], loc="left", pad=3, y=1.0)  # where it is: looking for room takes long
        axes.tick_params(labelleft=place % COLUMNS == 0, labelbottom=place + COLUMNS >= len(found))
    picture.supylabel(Y_LABELS.get(measure, measure), x=0.01, ha="left", fontsize=9)
    picture.supxlabel("epoch", y=0.04 / tall, va="bottom", fontsize=9)
    return picture


def _show_best(axes: Axes, best: float | None, others: Iterable[Axes] = ()) -> None:
    """Draw a dashed line at the best reachable loss, where that does not squeeze the rest."""
    low, high = axes.get_ylim()
    if best is None or low - best > FAR * (high - low):
        return
    axes.set_ylim(min(low, best - 0.03 * (high - low)), high)
    for each in others or [axes]:
        each.axhline(best, color=GREY, linestyle=(0, (2, 2)), linewidth=1.0)
    at = axes.get_yaxis_transform()
    axes.text(0.01, best, "best reachable", transform=at, va="bottom", color=GREY, fontsize="x-small")


def _say_nothing(axes: Axes) -> None:
    """Say in the axes that there is nothing to show."""
    axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", va="center", color=GREY)
    axes.set(xticks=[], yticks=[])


def _in_words(found: Sequence[Curve]) -> str:
    """Return where the mean of each configuration ends."""
    said = []
    for curve in found:
        _, mean, _ = curve.mean()
        reached = f"ends at {mean[-1]:.4g}" if len(mean) else "has no mean"
        said.append(f"{with_count(curve)}: {reached}, {curve.healthy.shape[1]} runs")
    return "; ".join(said) + "." if said else "Nothing is recorded."
