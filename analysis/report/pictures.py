"""Draw the figures of the page and write them into a folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.figures.learning import draw_costs, draw_curves, draw_gradient_norms
from analysis.figures.picture import Picture, save
from analysis.study import Group, Study

# section of the page, name of the files, how to draw it of the tables of a group; None: nothing to draw
FIGURES: list[tuple[int, str, Callable[..., Picture | None]]] = [
    (6, "learning", lambda study, group: draw_curves(*tables(study, group))),
    (7, "costs", lambda study, group: draw_costs(*tables(study, group))),
    (11, "gradients", lambda study, group: draw_gradient_norms(*tables(study, group))),
]


@dataclass(frozen=True)
class Drawn:
    """Hold a figure as it stands on the page: in which section, of which group, and its files' name."""

    section: int
    group: int
    name: str
    heading: str
    description: str
    svg: str

    def described(self) -> dict[str, Any]:
        """Return what is said of it, without the drawing."""
        return {key: value for key, value in vars(self).items() if key != "svg"}


def draw(study: Study, folder: Path) -> list[Drawn]:
    """Draw every figure that a study has something for, and write each as PNG, PDF and SVG."""
    drawn = []
    for section, name, make in FIGURES:
        for place, group in enumerate(study.groups):
            picture = make(study, group)
            if picture is None:
                continue
            file = name if len(study.groups) == 1 else f"{name}-{place + 1}"
            written = save(picture, folder, file)
            svg = next(path for path in written if path.suffix == ".svg").read_text(encoding="utf-8")
            svg = svg[svg.index("<svg") :]
            drawn.append(Drawn(section, place, file, picture.heading, picture.description, svg))
    return drawn


def tables(study: Study, group: Group) -> tuple[Any, Any]:
    """Return the runs of a group and their history."""
    runs = study.runs[study.runs["group"] == group.name]
    return runs, study.history[study.history["run_id"].isin(runs["run_id"])]
