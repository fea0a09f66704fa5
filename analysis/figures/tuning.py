"""Draw what tuning brought: the best of n trials, the learning rates, which settings mattered."""

import numpy as np
import pandas as pd

from rnnexp.analysis.figures import select
from rnnexp.analysis.figures.labels import End, name_ends, room_for
from rnnexp.analysis.figures.picture import Picture, drawn
from rnnexp.analysis.figures.rows import row_axes
from rnnexp.analysis.figures.style import WIDE, Look, look_of
from rnnexp.analysis.figures.ticks import plain_axis
from rnnexp.analysis.tuning import best_of_n, best_so_far

FAILED = ("failed", "diverged", "pruned")
LOG_FROM = 3.0  # times the least rate
ROW = 0.18  # inches of a line of failures


def trials_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that are trials of a search."""
    return runs[select.column(runs, "trial").notna()]


@drawn
def draw_best_of_n(runs: pd.DataFrame) -> Picture:
    """Return the loss of the best of n trials of each cell with its 10 to 90% band.

    Trials that a sampler drew by what it had learnt give a step line instead: the best so far, which
    happened once. Failed, diverged and pruned trials count as the worst.
    """
    trials = trials_of(runs)
    picture = Picture(figsize=(WIDE, 3.0))
    axes = picture.subplots()
    ends, said, starts = [], [], []
    for cell, own in trials.groupby("cell"):
        own, look = own.sort_values("trial"), look_of(str(cell))
        losses = select.column(own, "valid_loss").where(own["status"] == "finished").to_numpy()
        if not np.isfinite(losses).any():
            said.append(f"{cell}: no trial finished")
            continue
        if set(own["sampler"]) == {"random"}:
            table = best_of_n(losses)
            axes.fill_between(
                table["n"], table["low"], table["high"], color=look.color, alpha=0.15, linewidth=0
            )
            x, y, name, step = table["n"].to_numpy(), table["mean"].to_numpy(), str(cell), "default"
        else:
            best = best_so_far(losses)
            x = np.arange(1, len(best) + 1)[np.isfinite(best)]
            y, name, step = best[np.isfinite(best)], f"{cell}, best so far", "steps-post"
        if not len(x):
            continue
        axes.plot(x, y, drawstyle=step, **look.line(markevery=max(len(x) // 8, 1)))
        ends.append(End(name, float(x[-1]), float(y[-1]), look))
        starts.append(float(y[0]))
        said.append(f"{name}: {y[-1]:.4f} with {x[-1]:g} of {len(own)} trials")
    picture.margins(0.66, room_for(picture, [end.name for end in ends]), 0.45, 0.15)
    axes.margins(0.03, 0.06)
    if starts:  # the worst of one trial is no news, and would squeeze what more trials bring
        low, high = min(end.y for end in ends), max(starts)
        if high > low:
            axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    plain_axis(axes.xaxis, whole=True)
    plain_axis(axes.yaxis)
    axes.set(xlabel="trials", ylabel="validation loss, nats per token")
    axes.autoscale_view()
    name_ends(axes, ends)
    picture.heading = "Best of n trials"
    picture.description = (
        "Expected validation loss of the best of n random trials, the band from 10 to 90% of what n trials bring; "
        f"failed ones count as the worst. {'; '.join(said) or 'There were no trials'}."
    )
    return picture


@drawn
def draw_learning_rates(runs: pd.DataFrame) -> Picture:
    """Return validation loss over learning rate: a mark a run, trials among them, the best of each cell ringed.

    Runs that failed, diverged or were pruned are ticks above the axes, a line of them a cell.
    """
    rates = select.column(runs, "lr")
    own = runs[(rates > 0)].assign(lr=rates, loss=select.column(runs, "valid_loss"))
    is_good = (own["status"] == "finished") & np.isfinite(own["loss"])
    cells = sorted(set(own["cell"].astype(str)))
    picture = Picture(figsize=(WIDE, 3.0 + ROW * len(cells)))
    axes = picture.subplots()
    picture.margins(
        0.66, room_for(picture, [f"{cell}: 0.00123" for cell in cells]) + 0.15, 0.45, 0.1 + ROW * len(cells)
    )
    said = []
    top = _top(own.loc[is_good, "loss"])
    for number, cell in enumerate(cells):
        look, of_cell = look_of(cell), own["cell"].astype(str) == cell
        good, bad = own[of_cell & is_good], own[of_cell & own["status"].isin(FAILED)]
        axes.plot(good["lr"], good["loss"].clip(upper=top), **look.marks(alpha=0.75))
        above = good[good["loss"] > top]
        axes.plot(above["lr"], [top] * len(above), zorder=3, **look.marks(marker="2", markersize=9))
        name = cell
        if len(good):
            best = good.loc[good["loss"].idxmin()]
            name = f"{cell}: {best['lr']:.3g}"
            axes.plot(best["lr"], best["loss"], zorder=4, **look.marks(markersize=9, fillstyle="none"))
            reached = f"best {best['loss']:.4f} at {best['lr']:.3g}"
            said.append(f"{cell}: {reached}, {len(bad)} of {len(good) + len(bad)} failed")
        _draw_failures(picture, axes, bad["lr"], number, look, name)
    axes.margins(0.04, 0.08)
    axes.autoscale_view()
    is_log = len(own) > 0 and own["lr"].max() > LOG_FROM * own["lr"].min()
    plain_axis(axes.xaxis, log=is_log)
    plain_axis(axes.yaxis)
    axes.set(xlabel="learning rate", ylabel="validation loss, nats per token")
    picture.heading = "Learning rate and validation loss"
    picture.description = (
        "A mark a run, trials among them; a mark with its tip up at the top is a run worse than shown, "
        "ticks above are runs that failed, diverged or were pruned; beside them the best rate, ringed. "
        f"{'; '.join(said) or 'No run recorded a rate'}."
    )
    return picture


def _top(losses: pd.Series) -> float:
    """Return the largest loss to show: far ones would squeeze those that matter."""
    if losses.empty:
        return np.inf
    low, upper = float(losses.min()), float(losses.quantile(0.8))
    return min(float(losses.max()), upper + 0.5 * (upper - low)) if upper > low else float(losses.max())


def _draw_failures(picture: Picture, axes, rates: pd.Series, number: int, look: Look, name: str) -> None:
    """Put a line of ticks above the axes, the first cell's the lowest, with marker and name at its right."""
    box = axes.get_position()
    wide, tall = picture.get_size_inches()
    height = 1 + (0.12 + ROW * number) / (box.height * tall)
    style = look.marks(marker="|", markersize=8, markeredgewidth=1.3)
    axes.plot(rates, [height] * len(rates), transform=axes.get_xaxis_transform(), clip_on=False, **style)
    right, text = (1 + inches / (box.width * wide) for inches in (0.12, 0.24))
    axes.plot(right, height, transform=axes.transAxes, clip_on=False, **look.marks())
    axes.text(text, height, name, transform=axes.transAxes, va="center", color=look.color)


@drawn
def draw_importances(rows: pd.DataFrame) -> Picture:
    """Return the share of each setting in how much validation losses differ, with its spread.

    Parameters
    ----------
    rows : as from `analysis.importance.importances`.
    """
    picture, axes = row_axes(list(rows["setting"]))
    at = np.arange(len(rows))
    axes.barh(at, 100 * rows["importance"], height=0.55, color="#AAAAAA")
    axes.hlines(at, 100 * rows["low"], 100 * rows["high"], color="black", linewidth=1.5)
    axes.set_xlim(0, 100)
    plain_axis(axes.xaxis)
    axes.set_xlabel("share of the variance of validation loss, %")
    picture.heading = "Which settings matter"
    said = [f"{name}: {100 * share:.0f}%" for name, share in zip(rows["setting"], rows["importance"])]
    picture.description = f"Lines: 10 to 90% over trials drawn again. {'; '.join(said)}."
    return picture
