"""Draw a small mark for each configuration: the line and the marker that it has in every figure."""

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.markers import MarkerStyle

from rnnexp.analysis.figures.style import Look, looks
from rnnexp.output import visible

WIDTH, HEIGHT, RADIUS = 38.0, 16.0, 6.0


def marks(runs: pd.DataFrame) -> dict[str, Markup]:
    """Return an <svg> for each configuration, by its visible name."""
    return {visible(str(name)): mark(look) for name, look in looks(runs).items()}


def mark(look: Look) -> Markup:
    """Return the mark of one look."""
    dash = "" if isinstance(look.dash, str) else " ".join(f"{2 * length:g}" for length in look.dash[1])
    fill = look.color if look.fill == "full" else "#fff"
    shape = outline(look.marker)
    parts = [
        f'<line x1="0" y1="{HEIGHT / 2:g}" x2="{WIDTH:g}" y2="{HEIGHT / 2:g}" stroke="{look.color}" '
        f'stroke-width="2.4" stroke-dasharray="{dash or "none"}"/>',
        f'<path d="{shape}" fill="{fill}" stroke="{look.color}" stroke-width="1.6"/>',
    ]
    if look.fill == "left":
        parts.append(f'<path d="{shape}" fill="{look.color}" style="clip-path: inset(0 50% 0 0)"/>')
    inside = "".join(parts)
    return Markup(f'<svg class="mark" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" aria-hidden="true">{inside}</svg>')


def outline(marker: str) -> str:
    """Return the outline of matplotlib's marker as the path of an <svg>."""
    style = MarkerStyle(marker)
    path = style.get_path().transformed(style.get_transform())
    polygons = [np.asarray(polygon) for polygon in path.to_polygons(closed_only=True)]
    largest = max(float(np.abs(polygon).max()) for polygon in polygons)
    text = ""
    for polygon in polygons:
        points = polygon / largest * RADIUS * (1, -1) + (WIDTH / 2, HEIGHT / 2)
        text += "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"
    return text
