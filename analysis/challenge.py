"""Rank the runs of a study: lower loss, fewer iterations, fewer parameters.

rnnexp challenge study=NAME[,NAME] [uri=MLFLOW_STORE] [out=FOLDER]

This is the challenge of the character-level GRU hackathon. The loss is a run's best on the validation split, in
nats per token; the iterations are its updates until then. A run is beaten by another that is no worse in all
three and better in one. Writes challenge.md and challenge.png.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rnnexp.analysis.command import OTHER_OUT, StudyArguments, main, run_on_study
from rnnexp.analysis.configurations import name_configurations, varying_settings
from rnnexp.analysis.figures import CHALLENGE_AXES, draw_challenge
from rnnexp.analysis.markdown import table_line
from rnnexp.analysis.pareto import is_beaten
from rnnexp.analysis.records import load_history, load_runs
from rnnexp.command.arguments import read
from rnnexp.errors import UserError
from rnnexp.records.files import make_folder, replace_text


def rank_entries(runs: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Return one row a finished run, the best loss first: `entry` in words, `seed`, the three, `beaten`.

    Parameters
    ----------
    runs : as from `load_runs`.
    history : as from `load_history`, with the columns `valid/loss` (nats per token) and `updates`.

    Raises
    ------
    UserError where no run recorded its iterations, or the runs were made on different data.
    """
    finished = runs[(runs["status"] == "FINISHED") & runs["run_id"].isin(history["run_id"])].copy()
    if finished.empty or "updates" not in history or history["updates"].isna().all():
        raise UserError("the study has no finished runs that recorded their iterations")
    settings = varying_settings(finished)
    if several := [key for key in settings if key.startswith("dataset.")]:
        raise UserError(
            f"the runs differ in {several[0]}, and losses on different data cannot be ranked: "
            "give each data set a study of its own"
        )
    best = history.loc[history.groupby("run_id")["valid/loss"].idxmin()].set_index("run_id")
    table = pd.DataFrame(
        {
            "entry": name_configurations(finished, settings),
            "seed": finished["params.seed"].to_numpy(),
            "loss": best.loc[finished["run_id"], "valid/loss"].to_numpy(),
            "iterations": best.loc[finished["run_id"], "updates"].astype(int).to_numpy(),
            "parameters": finished["metrics.num_params"].astype(int).to_numpy(),
        }
    )
    table = table.drop_duplicates(["entry", "seed"], keep="last")  # a run that was done again counts once
    table["beaten"] = is_beaten(table[list(CHALLENGE_AXES)].to_numpy())
    return table.sort_values(["loss", "iterations"], ignore_index=True)


def markdown(table: pd.DataFrame) -> str:
    """Return the ranked entries as a table in Markdown."""
    lines = ["| place | entry | seed | loss | iterations | parameters | |", table_line(["---"] * 7)]
    for place, row in enumerate(table.itertuples(), 1):
        cells = [str(place), str(row.entry), str(row.seed), f"{row.loss:.4f}", f"{row.iterations:,}"]
        lines.append(table_line([*cells, f"{row.parameters:,}", "" if row.beaten else "nobody beats it"]))
    return "\n".join(lines) + "\n"


def report(arguments: StudyArguments, out: Path) -> str:
    """Write the ranking of studies into a folder; return the table as Markdown."""
    runs = load_runs(arguments.studies, arguments.uri)
    table = rank_entries(runs, load_history(runs, ["valid/loss", "updates"], arguments.uri))
    text = markdown(table)
    make_folder(out, OTHER_OUT)
    replace_text(out / "challenge.md", f"# {', '.join(arguments.studies)}\n\n{text}")
    draw_challenge(table, out / "challenge.png")
    return text


def run(arguments: Sequence[str]) -> None:
    """Rank the runs of the studies that the arguments name."""
    run_on_study(report, read(arguments, StudyArguments), "challenge.md, challenge.png")


if __name__ == "__main__":
    main("challenge", run, __doc__)
