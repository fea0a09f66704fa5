"""Compare runs from Python, by the tables, verdicts and checks of `rnnexp compare`."""

from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any

import pandas as pd

from rnnexp.analysis.figures.on_axes import draw_curves_on
from rnnexp.analysis.study import make_study
from rnnexp.analysis.tables import group_rows, group_text, study_text
from rnnexp.analysis.texts import text_sentences, token_losses
from rnnexp.api.mistakes import axes_or_new, plainly, require_text
from rnnexp.api.run import Run
from rnnexp.api.train import load
from rnnexp.errors import UserError
from rnnexp.tracking.mlflow import contents

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Comparison:
    """Say of runs what `rnnexp compare` says of a study; printed, it is that text.

    Attributes
    ----------
    table : a row a configuration: settings, runs, losses in nats per token and perplexity, mean and sd over seeds.
    verdicts : a sentence for each pair of cells. One run each says nothing about cells, and so does its sentence.
    """

    def __init__(self, runs: Iterable[Run], baseline: str = ""):
        kept = list(runs)  # a temporary folder stays as long as its run
        ids = [str(number) for number in range(len(kept))]
        recorded = pd.DataFrame([row(name, run) for name, run in zip(ids, kept)])
        history = pd.concat(
            [run.history.reset_index().assign(run_id=name) for name, run in zip(ids, kept)], ignore_index=True
        )
        studies = list(dict.fromkeys(recorded["study"]))
        self._study = make_study(studies, recorded, history, baseline)
        rows = [group_rows(self._study, group) for group in self._study.groups]
        self.table = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()
        self.verdicts = [v.sentence for group in self._study.groups for v in group.verdicts]

    @plainly
    def plot(self, ax: "Axes | None" = None, measure: str = "valid/loss", over: str = "epoch") -> "Axes":
        """Draw the configurations' curves on axes, by default new ones; return the axes.

        Parameters
        ----------
        measure : a column of a run's history, such as "train/loss".
        over : "epoch", "tokens" or "seconds".
        """
        require_text("measure", measure)
        require_text("over", over)
        return draw_curves_on(axes_or_new(ax), self._study.runs, self._study.history, measure, over)

    def __str__(self) -> str:
        """Return table, verdicts, checks of fairness and what was left out, in Markdown."""
        study = self._study
        said = {group.name: text_sentences(group, token_losses(study.runs, group)) for group in study.groups}
        return study_text(study, [group_text(study, group, said[group.name]) for group in study.groups])

    def _repr_markdown_(self) -> str:
        return str(self)

    __repr__ = __str__


@plainly
def compare(runs: Iterable[Run | str], baseline: str = "") -> Comparison:
    """Return what may be said of runs beside each other.

    Parameters
    ----------
    runs : runs, or the folders of runs.
    baseline : a cell or a configuration, with which the others are compared; else each with each.

    Raises
    ------
    rnnexp.UserError where there are none, one has not begun, or one stands among them twice.
    """
    require_text("baseline", baseline)
    if isinstance(runs, str | PathLike | Run) or not isinstance(runs, Iterable):
        raise UserError(f"runs={runs!r} must be a list: write compare([..., ...]) with two runs or more")
    found = [run if isinstance(run, Run) else load(run) for run in runs]
    if not found:
        raise UserError("there is nothing to compare: name two runs or more")
    folders = [run.folder.resolve() for run in found]
    for folder in folders:
        if folders.count(folder) > 1:
            raise UserError(f"{folder} is named twice: a run counts once")
    for run in found:
        if not run.kept.state():
            raise UserError(
                f"{run.kept} has no state.json: it has not begun, or its own command makes one anew"
            )
    return Comparison(found, baseline)


def row(run_id: str, run: Run) -> dict[str, Any]:
    """Return a run as a row of the table that `rnnexp.analysis.records.load_runs` reads from a store."""
    params, tags = contents.parameters(run.kept), contents.tags(run.kept)
    started: Any = run.kept.state().get("started")
    metrics = {key: value for key, value in run.result.items() if key not in contents.NOT_METRICS}
    return (
        {"run_id": run_id, "experiment_id": run.config["study"], "study": run.config["study"]}
        | {
            "status": run.status,
            "start_time": pd.to_datetime(started, unit="ms", utc=True),
        }
        | {f"params.{key}": value for key, value in params.items()}
        | {f"metrics.{key}": value for key, value in metrics.items()}
        | {f"tags.{key}": value for key, value in tags.items()}
    )
