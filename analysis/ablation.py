"""Say what each part of a recipe is worth: how much worse the loss is without it, for each cell.

rnnexp ablation study=NAME[,NAME] [where='dataset.name=ptb'] [uri=MLFLOW_STORE] [out=FOLDER]

The runs of a cell are those of one recipe and of that recipe less a part each, on one text, with the same seeds. The
recipe is the configuration from which the others differ least, and of two the one that has more parts; where no one
configuration is that, none is. where: which runs, as for rnnexp compare. Writes ablation.md and ablation.png, svg and
pdf.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from rnnexp.analysis.command import OTHER_OUT, StudyArguments, main, run_on_study
from rnnexp.analysis.configurations import as_one
from rnnexp.analysis.design import NOT_PAIRED
from rnnexp.analysis.differences import paired, welch
from rnnexp.analysis.figures import draw_ablation, save
from rnnexp.analysis.figures.select import finished
from rnnexp.analysis.markdown import table_line
from rnnexp.analysis.study import Study, load_study
from rnnexp.analysis.tables import ON_SCREEN, listed, study_text
from rnnexp.command.arguments import read
from rnnexp.errors import UserError
from rnnexp.records.files import make_folder, replace_text

LEAST_SEEDS = 2  # of which a spread can be told
OFF = "null", "0.0", "0", "false"  # values of a setting that leaves a part out; null is what was not recorded


@dataclass
class Arguments(StudyArguments):
    """Say also which runs count."""

    where: str = ""


def worths(study: Study) -> pd.DataFrame:
    """Return one row a part and cell, the worthiest part first.

    The columns: `cell`, `recipe` (its configuration), `configuration` (that without the part), `part` (the
    settings without it in words), `seeds` (of the one that has fewer), and `worth`: the mean test loss
    without the part less that with it, in nats per token, with its 95% interval from `low` to `high`.

    Seeds of both are paired where the part leaves first weights and the order of the data as they are, else
    it is Welch's interval of all (see `analysis.differences`).

    Raises
    ------
    UserError where no cell has a recipe and one less a part with two seeds each, or texts differ.
    """
    runs = finished(study.runs, "test_loss")
    if runs["data_digest"].nunique() > 1:
        keys = [key for key in study.settings if key.startswith("dataset.")] or ["dataset.name"]
        value = study.recorded[f"params.{keys[0]}"].dropna().iloc[0]
        raise UserError(f"the runs are on several texts: choose one, as by where={keys[0]}={value}")
    rows = [row for _, own in runs.groupby("cell", sort=False) for row in _of_cell(own, study.settings)]
    if not rows:
        raise UserError(
            "the study has no recipe and recipe less a part with two seeds each: "
            "rnnexp -m experiment=ablation_lstm makes one; rnnexp compare is for other studies"
        )
    table = pd.DataFrame(rows)
    order = table.groupby("part")["worth"].mean().sort_values(ascending=False).index
    table["place"] = table["part"].map({part: place for place, part in enumerate(order)})
    return table.sort_values(["place", "cell"], ignore_index=True).drop(columns="place")


def _of_cell(runs: pd.DataFrame, settings: dict[str, str]) -> list[dict]:
    """Return the rows of one cell."""
    keys = [key for key in settings if runs[key].nunique(dropna=False) > 1]
    if not keys:
        return []
    values = runs[keys].astype(object).fillna("null").astype(str)
    has = values.groupby(runs["configuration"]).first()
    order = {name: ((has != has.loc[name]).sum().sum(), has.loc[name].isin(OFF).sum()) for name in has.index}
    recipe, *others = (name for name in order if order[name] == min(order.values()))
    if others:
        return []
    losses = {name: own.set_index("seed")["test_loss"] for name, own in runs.groupby("configuration")}
    rows = []
    for name in has.index.drop(recipe):
        changed = [key for key in keys if has.loc[name, key] != has.loc[recipe, key]]
        without, whole, compare = losses[name], losses[recipe], welch
        if not any(key.startswith(NOT_PAIRED) for key in changed):
            without, whole = without.align(whole, join="inner")
            compare = paired
        if min(len(without), len(whole)) < LEAST_SEEDS:
            continue  # `without_a_row` names it
        found = compare(without, whole)
        rows.append(
            {
                "cell": runs["cell"].iloc[0],
                "recipe": recipe,
                "configuration": name,
                "part": ", ".join(_without(settings[key], has.loc[name, key]) for key in changed),
                "seeds": min(len(without), len(whole)),
                "worth": found.mean,
                "low": found.low,
                "high": found.high,
            }
        )
    return rows


def _without(name: str, value: str) -> str:
    """Return in words that a setting has another value; null is what a run did not record."""
    return f"no {name}" if value in OFF else f"{name}={value}"


def without_a_row(study: Study, table: pd.DataFrame) -> list[str]:
    """Return a sentence for each configuration missing from `worths`, as where its runs diverged."""
    final = study.runs[study.runs["role"] == "final"]
    shown, cells = {*table["recipe"], *table["configuration"]}, set(table["cell"])
    sentences = []
    for (cell, name), own in final.groupby(["cell", "configuration"], sort=False):
        if name in shown:
            continue
        counts = own["status"].value_counts()
        ended = f"{counts.get('finished', 0)} of {len(own)} runs finished"
        why = "fewer than two seeds beside the recipe's"
        if cell not in cells:
            why = f"no one configuration of {cell} is a recipe of which others, with two seeds each, lack a part"
        sentences.append(
            f"{as_one(str(name))} has no row: {why} ({ended}, {counts.get('diverged', 0)} diverged)"
        )
    return sentences


def markdown(table: pd.DataFrame) -> str:
    """Return the rows as a table in Markdown, a column a cell."""
    cells = sorted(table["cell"].unique())
    lines = [table_line(["without", *cells]), table_line(["---"] * (1 + len(cells)))]
    for part, rows in table.groupby("part", sort=False):
        own = rows.set_index("cell")
        lines.append(table_line([str(part), *(_in_words(own, cell) for cell in cells)]))
    recipes = "; ".join(table["recipe"].unique())
    words = "Nats per token by which the test loss is worse, with its 95% interval, each by itself."
    return "\n".join([*lines, "", f"{words} The recipe: {recipes}."])


def _in_words(rows: pd.DataFrame, cell: str) -> str:
    if cell not in rows.index:
        return ""
    row = rows.loc[cell]
    return f"{row['worth']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f}, {row['seeds']:.0f} seeds)"


def report(arguments: Arguments, out: Path) -> str:
    """Write what the parts are worth into a folder; return it as Markdown, of the runs left out the first."""
    study = load_study(arguments.studies, arguments.uri, arguments.where)
    table = worths(study)
    texts = [text for text in (markdown(table), listed(without_a_row(study, table))) if text]
    make_folder(out, OTHER_OUT)
    replace_text(out / "ablation.md", f"# {', '.join(study.studies)}\n\n{study_text(study, texts)}")
    save(draw_ablation(table), out, "ablation")
    return study_text(study, texts, ON_SCREEN, f"{out}/ablation.md")


def run(arguments: Sequence[str]) -> None:
    """Say what the parts of the recipe are worth that the studies take apart."""
    run_on_study(report, read(arguments, Arguments), "ablation.md, ablation.png, ablation.svg, ablation.pdf")


if __name__ == "__main__":
    main("ablation", run, __doc__)
