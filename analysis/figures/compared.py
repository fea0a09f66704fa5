"""Draw what `analysis.compare` shows."""

from pathlib import Path

from rnnexp.analysis.figures.learning import draw_curves
from rnnexp.analysis.figures.picture import DPI
from rnnexp.analysis.figures.style import styled
from rnnexp.analysis.study import Study


def draw_learning_curves(study: Study, path: Path) -> None:
    """Draw the learning curves of the configurations that stand for their cells, into a PNG."""
    standing = [name for group in study.groups for name in group.standing]
    picture = draw_curves(study.runs[study.runs["configuration"].isin(standing)], study.history)
    with styled():
        picture.savefig(path, dpi=DPI)
