"""Say what a cell looks like: one colour, dash and marker each, the same in every figure of every study."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import matplotlib as mpl
import pandas as pd
from matplotlib.colors import to_hex, to_rgb

WIDE = 6.8  # inches: both columns of a paper
GREY, FAINT, PALE = "#666666", "#AAAAAA", "#E2E2E2"
SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so the same everywhere
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "axes.linewidth": 1.0,
    "xtick.major.width": 1.0,
    "ytick.major.width": 1.0,
    "grid.linewidth": 1.0,
    "grid.color": "#E6E6E6",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "svg.hashsalt": "rnnexp",  # ids that do not change from one drawing to the next
    "svg.fonttype": "path",  # widths that do not depend on the reader's fonts
    "pdf.fonttype": 42,
    "path.simplify": True,
}


@dataclass(frozen=True)
class Look:
    """Hold how a configuration is drawn.

    dash : as matplotlib's linestyle.
    fill : of the marker, as matplotlib's fillstyle: "full", "none" (white inside) or "left" (half).
    """

    color: str
    dash: str | tuple
    marker: str
    fill: str = "full"

    def marks(self, **more) -> dict:
        """Return the options of a line that has markers only."""
        return self._marker() | {"linestyle": "none"} | more

    def line(self, **more) -> dict:
        """Return the options of a line with dash and markers."""
        return self._marker() | {"linestyle": self.dash} | more

    def _marker(self) -> dict:
        inside = self.color if self.fill == "full" else "white"
        return {
            "color": self.color,
            "marker": self.marker,
            "fillstyle": "left" if self.fill == "left" else "full",
            "markerfacecolor": self.color if self.fill == "left" else inside,
            "markerfacecoloralt": "white",
            "markeredgecolor": self.color,
            "markeredgewidth": 1.0,
        }


# Okabe and Ito's colours but yellow, orange and sky, which are too light for lines on white; then more as dark.
# Blue and vermilion are alike in grey, and so are others: dash and marker tell them apart.
GREEN, PURPLE, WINE, OLIVE, INDIGO = "#009E73", "#CC79A7", "#882255", "#7A5C00", "#332288"
LONG, DASH_DOT, TWO_DOTS = (0, (8, 2)), (0, (5, 1.5, 1, 1.5)), (0, (5, 1.5, 1, 1.5, 1, 1.5))
KNOWN = {
    "lstm": Look("#0072B2", "-", "o"),
    "gru": Look("#D55E00", (0, (4, 1.5)), "s"),
    "rnn": Look("#000000", (0, (1, 1.2)), "^"),
    "cifg": Look(GREEN, DASH_DOT, "D"),
    "mgu": Look(PURPLE, LONG, "v"),
    "peephole": Look(WINE, TWO_DOTS, "P"),
    "ugrnn": Look(OLIVE, DASH_DOT, "X"),
    "janet": Look(INDIGO, LONG, "<"),
    "rhn": Look(GREEN, TWO_DOTS, ">"),
    "mlstm": Look(PURPLE, DASH_DOT, "p"),
    "mingru": Look(WINE, LONG, "h"),
    "nig": Look(OLIVE, LONG, "D"),
    "nfg": Look(INDIGO, DASH_DOT, "v"),
    "nog": Look(PURPLE, TWO_DOTS, "P"),
    "niaf": Look(OLIVE, TWO_DOTS, "<"),
    "noaf": Look(INDIGO, TWO_DOTS, "X"),
    "mut3": Look(WINE, DASH_DOT, "p"),
    "slstm": Look(GREEN, LONG, "h"),
    "indrnn": Look("#000000", DASH_DOT, "D"),
}
COLORS = [GREEN, PURPLE, WINE, OLIVE, INDIGO]
DASHES = [DASH_DOT, LONG, TWO_DOTS]
MARKERS = ["D", "v", "P", "X", "<", ">", "p", "h"]


def look_of(cell: str) -> Look:
    """Return how a cell is drawn; one that nobody listed gets what its name's checksum chooses."""
    if cell in KNOWN:
        return KNOWN[cell]
    number = crc32(cell.encode())
    color, dash = COLORS[number % len(COLORS)], DASHES[number // 8 % len(DASHES)]
    return Look(color, dash, MARKERS[number // 32 % len(MARKERS)])


def variant(look: Look, number: int) -> Look:
    """Return the look of a cell's configuration `number`: marker full, open, half; then darker; then lighter."""
    fill = ("full", "none", "left")[number % 3]
    tone = (0.0, -0.35, 0.35)[number // 3 % 3]
    return replace(look, color=shade(look.color, tone), fill=fill)


def shade(color: str, tone: float) -> str:
    """Return a colour mixed with black (tone below 0) or white (above)."""
    if not tone:
        return color
    towards = 1.0 if tone > 0 else 0.0
    red, green, blue = (c + abs(tone) * (towards - c) for c in to_rgb(color))
    return to_hex((red, green, blue))


def looks(runs: pd.DataFrame) -> dict[str, Look]:
    """Return the look of each configuration: its cell's, and its own among those of the cell by name."""
    cells = runs.dropna(subset=["configuration"]).groupby("configuration")["cell"].first()
    found: dict[str, Look] = {}
    for cell in sorted(set(cells.astype(str))):
        own = sorted(name for name in cells.index if str(cells[name]) == cell)
        found |= {name: variant(look_of(cell), number) for number, name in enumerate(own)}
    return found


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save in the style of these figures, whatever the user's matplotlib is set to."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)  # type: ignore[arg-type]
        yield
