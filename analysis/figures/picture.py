"""Hold a figure with the words that stand for it, and write it as SVG, PDF and PNG, the same bytes each time."""

import re
from collections.abc import Callable
from functools import wraps
from html import escape
from io import StringIO
from pathlib import Path
from typing import ParamSpec

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rnnexp.analysis.figures.style import styled
from rnnexp.records.files import replace_text

NO_DATES: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}
DPI = 200  # of the PNG
P = ParamSpec("P")
REFERENCE = re.compile(r'(\bid="|href="#|url\(#)')


class Picture(Figure):
    """Be a matplotlib figure that has a heading, and a description for those who do not see it."""

    heading: str = ""
    description: str = ""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        FigureCanvasAgg(self)  # measures texts

    def margins(self, left: float, right: float, bottom: float, top: float, between: float = 0.0) -> None:
        """Leave room around the axes, in inches, and `between` columns of them.

        matplotlib's own layouts draw the figure once or twice more, and give up on long names.
        """
        wide, tall = self.get_size_inches()
        spec = self.axes[0].get_subplotspec()
        assert spec is not None
        columns = spec.get_gridspec().ncols
        inner = (wide - left - right - (columns - 1) * between) / columns
        self.subplots_adjust(
            left=left / wide,
            right=1 - right / wide,
            bottom=bottom / tall,
            top=1 - top / tall,
            wspace=between / inner,
        )

    def size_of(self, words: str) -> tuple[float, float]:
        """Return width and height of a text in inches."""
        text = self.text(0, 0, words)
        box = text.get_window_extent(self.canvas.get_renderer())  # type: ignore[attr-defined]
        text.remove()
        return box.width / self.dpi, box.height / self.dpi


def drawn(draw: Callable[P, Picture]) -> Callable[P, Picture]:
    """Have a function draw in the style of these figures."""

    @wraps(draw)
    def draw_styled(*args: P.args, **kwargs: P.kwargs) -> Picture:
        with styled():
            return draw(*args, **kwargs)

    return draw_styled


def markup(picture: Picture, name: str) -> str:
    """Return the figure as an <svg> element to stand in a page, with <title> and <desc>.

    Parameters
    ----------
    name : begins every id, so that several figures can stand in one page; letters, digits, - and _.
    """
    buffer = StringIO()
    with styled():
        picture.savefig(buffer, format="svg", metadata=NO_DATES["svg"])
    text = buffer.getvalue()
    text = REFERENCE.sub(rf"\g<1>{name}-", text[text.index("<svg") :])
    start = text.index(">")
    words = "".join(
        f'\n <{tag} id="{name}-{tag}">{escape(said)}</{tag}>'
        for tag, said in (("title", picture.heading), ("desc", picture.description))
    )
    opening = f'{text[:start]} role="img" aria-labelledby="{name}-title {name}-desc">'
    return opening + words + text[start + 1 :]


def save(picture: Picture, folder: Path, name: str) -> str:
    """Write `name`.svg, .pdf and .png into a folder; return its `markup`."""
    svg = markup(picture, name)
    replace_text(folder / f"{name}.svg", f'<?xml version="1.0" encoding="utf-8"?>\n{svg}')
    with styled():
        for kind in "pdf", "png":
            picture.savefig(folder / f"{name}.{kind}", dpi=DPI, metadata=NO_DATES[kind])
    return svg
