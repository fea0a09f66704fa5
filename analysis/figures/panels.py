"""Draw values over a setting: panels side by side, a line with its runs and intervals for each thing compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnexp.analysis.differences import Difference
from rnnexp.analysis.figures.labels import End, name_ends, room_for
from rnnexp.analysis.figures.picture import Picture, drawn
from rnnexp.analysis.figures.style import GREY, WIDE, Look
from rnnexp.analysis.figures.ticks import plain_axis
from rnnexp.analysis.intervals import Rate, mean_interval

LEFT, BELOW, ABOVE, BETWEEN = 0.72, 0.46, 0.32, 0.5  # inches
HEIGHT = 3.0
NEUTRAL = Look("#222222", "-", "D")  # of what is no cell's own, such as a difference


@dataclass(frozen=True)
class Series:
    """Hold one line: means over x (N,) with the ends of their intervals, and the values of single runs.

    low, high : (N,); None: no interval is drawn. runs : the values at each x; empty: none are drawn.
    """

    name: str
    look: Look
    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    runs: Sequence[np.ndarray] = ()

    @classmethod
    def of_runs(cls, name: str, look: Look, x: Sequence[float], runs: Sequence[Sequence[float]]) -> "Series":
        """Return the means of runs with 95% t intervals."""
        means = [mean_interval(own) for own in runs]
        each = [np.asarray(own, float) for own in runs]
        return cls._of_intervals(name, look, x, [mean.mean for mean in means], means, each)

    @classmethod
    def of_differences(cls, x: Sequence[float], gaps: Sequence[Difference]) -> "Series":
        """Return differences with their intervals."""
        return cls._of_intervals("", NEUTRAL, x, [gap.mean for gap in gaps], gaps)

    @classmethod
    def of_rates(cls, name: str, look: Look, x: Sequence[float], rates: Sequence[Rate]) -> "Series":
        """Return shares of runs with their intervals."""
        return cls._of_intervals(name, look, x, [rate.rate for rate in rates], rates)

    @classmethod
    def _of_intervals(
        cls,
        name: str,
        look: Look,
        x: Sequence[float],
        means: Sequence[float],
        intervals: Sequence[Any],
        runs: Sequence[np.ndarray] = (),
    ) -> "Series":
        low, high = (np.array([getattr(one, end) for one in intervals]) for end in ("low", "high"))
        return cls(name, look, np.asarray(x, float), np.array(means), low, high, runs)


@dataclass(frozen=True)
class Panel:
    """Hold one pair of axes: its title and lines. zero: draw a line at 0. apart: lines stand beside each other."""

    title: str
    series: Sequence[Series]
    zero: bool = False
    apart: bool = True
    marks: Mapping[float, str] = field(default_factory=dict)  # places on x where a line stands, and its name
    ticks: Mapping[float, str] = field(default_factory=dict)  # places on x and their names; empty: numbers


@drawn
def draw_panels(
    panels: Sequence[Panel],
    x_label: str,
    y_label: str,
    heading: str,
    log_x: bool = False,
    shared: bool = False,
    y_text: Callable[[float], str] | None = None,
) -> Picture:
    """Return the panels side by side, each line named at its end.

    Parameters
    ----------
    shared : the panels have one scale of y, and the lines the same names, written beside the last panel.
    y_text : writes the ticks of y; None: as plain numbers.
    """
    picture = Picture(figsize=(WIDE, HEIGHT))
    all_axes = np.atleast_1d(picture.subplots(1, len(panels), sharey=shared))
    names = [one.name for one in panels[-1].series]
    picture.margins(
        LEFT,
        room_for(picture, names, 12) if any(names) else 0.2,
        BELOW,
        ABOVE,
        _between(panels, shared, picture),
    )
    for axes, panel in zip(all_axes, panels):
        for number, one in enumerate(panel.series):
            _draw(axes, one, panel.apart * (number - (len(panel.series) - 1) / 2), log_x)
        if panel.zero:
            axes.axhline(0, color=GREY, linewidth=1.0, zorder=1)
        for place, name in panel.marks.items():
            axes.axvline(place, color=GREY, linestyle=(0, (2, 2)), linewidth=1.0, zorder=1)
            axes.annotate(
                name,
                (place, 1),
                (4, -2),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="top",
                color=GREY,
            )
        axes.set_title(panel.title, loc="left")
        axes.margins(0.08, 0.08)
        plain_axis(axes.xaxis, log=log_x, most=5)
        if panel.ticks:
            axes.set_xticks(list(panel.ticks), list(panel.ticks.values()))
        plain_axis(axes.yaxis)
        axes.set_xlabel(x_label)
        if y_text is not None:
            axes.yaxis.set_major_formatter(lambda value, _: y_text(value))
    all_axes[0].set_ylabel(y_label)
    picture.canvas.get_renderer()  # type: ignore[attr-defined]
    for axes, panel in zip(all_axes, panels):
        axes.autoscale_view()
        if axes is all_axes[-1] or not shared:
            name_ends(axes, [_end(one) for one in panel.series if one.name], 12)
    picture.heading = heading
    picture.description = f"{y_label} over {x_label}. {_said(panels)}"
    return picture


def _between(panels: Sequence[Panel], shared: bool, picture: Picture) -> float:
    """Return the inches between panels: room for the ticks, and for names where each panel has its own."""
    names = [one.name for panel in panels[:-1] for one in panel.series if one.name]
    return 0.22 if shared else BETWEEN + (room_for(picture, names, 12) if names else 0.0)


def _draw(axes, one: Series, place: float, log_x: bool) -> None:
    """Draw a line with its intervals and runs, moved a little beside those of others."""
    x = one.x * 1.05**place if log_x else one.x + 0.012 * place * (np.ptp(one.x) or 1.0)
    if one.low is not None and one.high is not None:
        known = np.isfinite(one.low)
        axes.vlines(
            x[known], one.low[known], one.high[known], color=one.look.color, linewidth=2.5, alpha=0.35
        )
    for at, values in zip(x, one.runs):
        axes.plot(np.full(len(values), at), values, **one.look.marks(markersize=2.5, alpha=0.6))
    axes.plot(x, one.mean, **one.look.line())


def _end(one: Series) -> End:
    return End(one.name, float(one.x[-1]), float(one.mean[-1]), one.look)


def _said(panels: Sequence[Panel]) -> str:
    """Return the means in words."""
    said = []
    for panel in panels:
        for one in panel.series:
            points = ", ".join(f"{mean:.3g} at {x:g}" for x, mean in zip(one.x, one.mean))
            said.append(f"{' '.join(filter(None, (panel.title, one.name)))}: {points}")
    return f"{'; '.join(said)}."
