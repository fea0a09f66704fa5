"""Draw the figures of the page and write them into a folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rnnexp.analysis.configurations import varying_settings
from rnnexp.analysis.figures.cost import draw_pareto
from rnnexp.analysis.figures.differences import draw_differences
from rnnexp.analysis.figures.gaps import draw_excess, draw_gap
from rnnexp.analysis.figures.learning import draw_costs, draw_curves, draw_gradient_norms
from rnnexp.analysis.figures.picture import Picture, save
from rnnexp.analysis.figures.seeds import draw_divergence, draw_seeds
from rnnexp.analysis.figures.tuning import draw_best_of_n, draw_importances, draw_learning_rates
from rnnexp.analysis.gap import TokenLosses, excess_by_class, gap_by_class
from rnnexp.analysis.importance import importances
from rnnexp.analysis.study import Group, Study


@dataclass(frozen=True)
class Material:
    """Hold what the figures of one group are drawn from."""

    study: Study
    group: Group
    losses: Mapping[str, list[TokenLosses]]
    margin: float

    @property
    def runs(self) -> pd.DataFrame:
        """Return the runs of the group, trials among them."""
        return self.study.runs_of(self.group)

    @property
    def history(self) -> pd.DataFrame:
        """Return the epochs of these runs."""
        return self.study.history[self.study.history["run_id"].isin(self.runs["run_id"])]

    @property
    def trials(self) -> pd.DataFrame:
        """Return the runs that are trials of a search."""
        return self.runs[self.runs["trial"].notna()]

    def has(self, column: str, least: int = 1) -> bool:
        """Return whether runs in the numbers have so many different values of a column."""
        return self.runs[self.runs["reported"]][column].nunique() >= least

    def has_history(self, column: str) -> bool:
        """Return whether a metric was recorded over the epochs."""
        return column in self.history and bool(self.history[column].notna().any())


def of_gap(material: Material) -> Picture | None:
    """Return the forest plot of the pairs that were tested."""
    tested = [one for one in material.group.verdicts if one.tested]
    return draw_differences(tested, material.runs, material.margin) if tested else None


def of_seeds(material: Material) -> Picture | None:
    """Return the strip plot of every seed."""
    return draw_seeds(material.runs) if material.has("test_loss") else None


def of_learning(material: Material) -> Picture | None:
    """Return the learning curves."""
    if not (material.has("seed") and material.has_history("valid/loss")):
        return None
    return draw_curves(material.runs, material.history)


def of_costs(material: Material) -> Picture | None:
    """Return the loss over seconds and tokens."""
    if not (material.has("seed") and material.has_history("epoch_s")):
        return None
    return draw_costs(material.runs, material.history)


def of_parameters(material: Material) -> Picture | None:
    """Return the loss over parameters, where several configurations have some."""
    several = material.has("configuration", 2) and material.has("parameters", 2) and material.has("test_loss")
    return draw_pareto(material.runs) if several else None


def of_best_of_n(material: Material) -> Picture | None:
    """Return what tuning brought."""
    finished = material.trials[material.trials["status"] == "finished"]
    return draw_best_of_n(material.runs) if len(finished) > 1 else None


def of_rates(material: Material) -> Picture | None:
    """Return the validation loss over the learning rate, where more than one was tried."""
    return draw_learning_rates(material.runs) if material.runs["lr"].nunique() > 2 else None


def of_importances(material: Material) -> Picture | None:
    """Return which settings of a search mattered."""
    trials = material.trials
    if trials.empty:
        return None
    recorded = material.study.recorded.loc[trials.index]
    names = varying_settings(recorded)
    values = {name: as_numbers(recorded[f"params.{key}"]) for key, name in names.items()}
    table = pd.DataFrame(values).assign(valid_loss=trials["valid_loss"], status=trials["status"])
    rows = importances(table, list(values))
    return draw_importances(rows) if rows is not None else None


def as_numbers(values: pd.Series) -> pd.Series:
    """Return recorded texts as numbers where all are."""
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers if numbers.notna().all() else values


def of_excess(material: Material) -> Picture | None:
    """Return the excess by class of token."""
    return draw_excess(excess_by_class(material.losses), material.runs) if material.losses else None


def of_sources(material: Material) -> Picture | None:
    """Return where the gap of the first pair comes from, whose cells are the best by validation."""
    for one in material.group.verdicts:
        if {one.worse, one.better} <= material.losses.keys():
            rows = gap_by_class(material.losses[one.worse], material.losses[one.better])
            return draw_gap(rows, one.worse, one.better)
    return None


def of_divergence(material: Material) -> Picture | None:
    """Return how often runs diverged, where any did."""
    counted = material.runs[material.runs["reported"]]
    return draw_divergence(material.runs) if (counted["status"] == "diverged").any() else None


def of_gradients(material: Material) -> Picture | None:
    """Return the gradient norms."""
    if not (material.has("seed") and material.has_history("grad_norm")):
        return None
    return draw_gradient_norms(material.runs, material.history)


# section of the page, name of the files, what draws it or returns None
FIGURES: list[tuple[int, str, Callable[[Material], Picture | None]]] = [
    (4, "differences", of_gap),
    (5, "seeds", of_seeds),
    (6, "learning", of_learning),
    (7, "costs", of_costs),
    (7, "parameters", of_parameters),
    (8, "tuning", of_best_of_n),
    (9, "rates", of_rates),
    (9, "importances", of_importances),
    (10, "excess", of_excess),
    (10, "sources", of_sources),
    (11, "divergence", of_divergence),
    (11, "gradients", of_gradients),
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


def draw(
    study: Study, losses: Sequence[Mapping[str, list[TokenLosses]]], folder: Path, margin: float
) -> list[Drawn]:
    """Draw every figure that a study has something for, and write each as PNG, PDF and SVG.

    Parameters
    ----------
    losses : of single tokens, for each group.
    margin : in nats.
    """
    drawn = []
    for section, name, make in FIGURES:
        for place, (group, own) in enumerate(zip(study.groups, losses)):
            picture = make(Material(study, group, own, margin))
            if picture is None:
                continue
            file = name if len(study.groups) == 1 else f"{name}-{place + 1}"
            svg = save(picture, folder, file)
            drawn.append(Drawn(section, place, file, picture.heading, picture.description, svg))
    return drawn
