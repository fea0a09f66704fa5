"""Say what each part of a recipe is worth: how much worse the loss is without it, for each cell.

rnnexp ablation study=NAME[,NAME] [uri=MLFLOW_STORE] [out=FOLDER]

The runs of a cell are those of one recipe and of that recipe less a part each, with the same seeds. The recipe is the
configuration from which the others differ least. Writes ablation.md and ablation.png, svg and pdf.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rnnexp.analysis.command import OTHER_OUT, StudyArguments, main, run_on_study
from rnnexp.analysis.configurations import varying_settings
from rnnexp.analysis.design import NOT_PAIRED
from rnnexp.analysis.differences import paired, welch
from rnnexp.analysis.figures import draw_ablation, save
from rnnexp.analysis.markdown import table_line
from rnnexp.analysis.records import load_runs
from rnnexp.command.arguments import read
from rnnexp.errors import UserError
from rnnexp.records.files import make_folder, replace_text

LEAST_SEEDS = 2  # of which a spread can be told


def worths(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row a part and cell, the worthiest part first.

    The columns: `cell`, `part` (the settings without it in words), `seeds`, and `worth`: the mean test loss without the
    part less that with it, in nats per token, with its 95% interval from `low` to `high`.

    Seeds are paired where the part leaves first weights and the order of the data as they are, else it is Welch's
    interval (see `analysis.differences`).

    Parameters
    ----------
    runs : as from `load_runs`.

    Raises
    ------
    UserError where no cell has a recipe and one less a part with two seeds each.
    """
    finished = runs[
        (runs["status"] == "FINISHED") & runs.get("metrics.test/loss", runs["status"].isna()).notna()
    ]
    rows = [row for _, own in finished.groupby("params.cell.name", sort=False) for row in _of_cell(own)]
    if not rows:
        raise UserError(
            "the study has no recipe and recipe less a part with two seeds each: "
            "rnnexp -m experiment=ablation_lstm makes one"
        )
    table = pd.DataFrame(rows)
    order = table.groupby("part")["worth"].mean().sort_values(ascending=False).index
    table["place"] = table["part"].map({part: place for place, part in enumerate(order)})
    return table.sort_values(["place", "cell"], ignore_index=True).drop(columns="place")


def _of_cell(runs: pd.DataFrame) -> list[dict]:
    """Return the rows of one cell."""
    settings = varying_settings(runs)
    del settings["cell.name"]
    if not settings:
        return []
    values = runs[[f"params.{key}" for key in settings]].astype(object).fillna("null").astype(str)
    values.columns = list(settings)
    own = runs.assign(configuration=values.agg("|".join, axis=1))
    first = values.groupby(own["configuration"]).first()
    apart = {name: int((first != first.loc[name]).sum().sum()) for name in first.index}
    recipe = min(apart, key=apart.__getitem__)
    losses = {
        name: some.groupby("params.seed")["metrics.test/loss"].first()
        for name, some in own.groupby("configuration")
    }
    rows = []
    for name in first.index.drop(recipe):
        changed = [key for key in settings if first.loc[name, key] != first.loc[recipe, key]]
        shared = losses[name].index.intersection(losses[recipe].index)
        if len(shared) < LEAST_SEEDS:
            continue
        compare = welch if any(key.startswith(NOT_PAIRED) for key in changed) else paired
        found = compare(losses[name][shared], losses[recipe][shared])
        rows.append(
            {
                "cell": runs["params.cell.name"].iloc[0],
                "part": ", ".join(_without(settings[key], first.loc[name, key]) for key in changed),
                "seeds": len(shared),
                "worth": found.mean,
                "low": found.low,
                "high": found.high,
            }
        )
    return rows


def _without(name: str, value: str) -> str:
    """Return in words that a setting has another value; null is what a run did not record."""
    return f"no {name}" if value in ("null", "0.0", "false") else f"{name}={value}"


def markdown(table: pd.DataFrame) -> str:
    """Return the rows as a table in Markdown, a column a cell."""
    cells = sorted(table["cell"].unique())
    lines = [table_line(["without", *cells]), table_line(["---"] * (1 + len(cells)))]
    for part, rows in table.groupby("part", sort=False):
        own = rows.set_index("cell")
        lines.append(table_line([str(part), *(_in_words(own, cell) for cell in cells)]))
    return "\n".join(lines) + "\n\nNats per token by which the test loss is worse, with its 95% interval.\n"


def _in_words(rows: pd.DataFrame, cell: str) -> str:
    if cell not in rows.index:
        return ""
    row = rows.loc[cell]
    return f"{row['worth']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f}, {row['seeds']:.0f} seeds)"


def report(arguments: StudyArguments, out: Path) -> str:
    """Write what the parts are worth into a folder; return the table as Markdown."""
    table = worths(load_runs(arguments.studies, arguments.uri))
    text = markdown(table)
    make_folder(out, OTHER_OUT)
    replace_text(out / "ablation.md", f"# {', '.join(arguments.studies)}\n\n{text}")
    save(draw_ablation(table), out, "ablation")
    return text


def run(arguments: Sequence[str]) -> None:
    """Say what the parts of the recipe are worth that the studies take apart."""
    run_on_study(
        report, read(arguments, StudyArguments), "ablation.md, ablation.png, ablation.svg, ablation.pdf"
    )


if __name__ == "__main__":
    main("ablation", run, __doc__)
