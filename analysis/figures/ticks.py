"""Put few, plain numbers at an axis: none in powers of ten, none over another."""

from math import isfinite

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import Formatter, Locator, MaxNLocator, NullFormatter, NullLocator

# a decade, dense to sparse
STEPS = [(1, 1.5, 2, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)]
CHARACTER = 0.62  # widths of a digit in font sizes, with a little air
LEAST = 2  # ticks
FONT_SIZE = 9.0  # as in the style


def plain(value: float) -> str:
    """Return a number as people write it: 60,000 or 0.0005, never 6e4; nothing for what is no number."""
    if not isfinite(value):
        return ""
    if not value:
        return "0"
    text = np.format_float_positional(float(f"{abs(value):.10g}"), trim="-")
    whole, dot, rest = text.partition(".")
    return ("\N{MINUS SIGN}" if value < 0 else "") + f"{int(whole):,}{dot}{rest}"


class PlainFormatter(Formatter):
    """Write ticks as `plain` does; on a linear axis all with as many decimals."""

    def __init__(self, is_log: bool):
        self.is_log = is_log

    def __call__(self, value, position=None):
        """Return the label of a tick."""
        return plain(value)

    def format_ticks(self, values):
        """Return the labels of all ticks."""
        labels = [plain(value) for value in values]
        decimals = max((len(label.partition(".")[2]) for label in labels), default=0)
        if self.is_log or not decimals:
            return labels
        return [f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}") for value in values]


class PlainLocator(Locator):
    """Choose as many round numbers as have room for their labels."""

    def __init__(self, is_log: bool, is_whole: bool = False, most: int = 7):
        self.is_log, self.is_whole, self.most = is_log, is_whole, most
        self.known: dict[tuple, np.ndarray] = {}  # matplotlib asks ten times a drawing

    def __call__(self):
        """Return the ticks within the limits of the axis."""
        assert self.axis is not None
        at = (*self.axis.get_view_interval(), *_inches(self.axis.axes))  # type: ignore[union-attr]
        if at not in self.known:
            self.known[at] = self.tick_values(*at[:2])
        return self.known[at]

    def tick_values(self, vmin, vmax):
        """Return the ticks between two numbers."""
        low, high = sorted((float(vmin), float(vmax)))
        candidates: list[np.ndarray] = []
        if self.is_log and low > 0:
            candidates = [_decades(low, high, steps) for steps in STEPS]
        for most in range(self.most, 0, -1):
            locator = MaxNLocator(most, integer=self.is_whole, min_n_ticks=1, steps=[1, 2, 5, 10])
            ticks = np.asarray(locator.tick_values(low, high))
            candidates.append(ticks[(ticks >= low) & (ticks <= high) & ((ticks > 0) | (not self.is_log))])
        for ticks in candidates:
            if LEAST <= len(ticks) <= self.most + 1 and self._fits(ticks, low, high):
                return ticks
        return candidates[-1][:1]

    def _fits(self, ticks: np.ndarray, low: float, high: float) -> bool:
        """Return whether the labels of the ticks have room beside each other."""
        axis: Axis = self.axis  # type: ignore[assignment]
        axes = axis.axes
        width, height = (size * 72 for size in _inches(axes))
        size = FONT_SIZE
        is_x = axis is axes.xaxis
        length = width if is_x else height
        labels = PlainFormatter(self.is_log).format_ticks(ticks)
        needs = [size * (CHARACTER * len(label) + 0.8) if is_x else 1.5 * size for label in labels]
        # the scale is not always linear: percent stand above nats
        at, ends = (axis.get_transform().transform(np.asarray(x, float)) for x in (ticks, [low, high]))
        at = (at - ends[0]) / (ends[1] - ends[0] or 1.0)
        apart = np.diff(at) * length
        return all(gap >= (a + b) / 2 for gap, a, b in zip(apart, needs, needs[1:]))


def _decades(low: float, high: float, steps: tuple[float, ...]) -> np.ndarray:
    """Return the steps times powers of ten between two positive numbers."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = np.outer(powers, steps).ravel()
    return ticks[(ticks >= low * (1 - 1e-9)) & (ticks <= high * (1 + 1e-9))]


def _inches(axes: Axes) -> tuple[float, float]:
    """Return width and height of axes as they stand at this moment."""
    box, figure = axes.get_position(), axes.get_figure(root=True)
    assert figure is not None
    return box.width * figure.get_figwidth(), box.height * figure.get_figheight()


def plain_axis(axis: Axis, log: bool = False, whole: bool = False, most: int = 7) -> None:
    """Give an axis plain ticks.

    Parameters
    ----------
    log : a logarithmic scale.
    whole : of whole numbers, such as epochs.
    """
    if log:
        axes = axis.axes
        set_scale = axes.set_xscale if axis is axes.xaxis else axes.set_yscale
        set_scale("log")
    axis.set_major_locator(PlainLocator(log, whole, most))
    axis.set_major_formatter(PlainFormatter(log))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
