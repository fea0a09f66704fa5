"""The table and the learning curves of a study.

python -m analysis.compare study=NAME [uri=MLFLOW_STORE] [out=FOLDER]
"""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from analysis.command import run
from analysis.figures import learning_curves
from analysis.load import load_history, load_runs
from analysis.tables import compare, markdown


@dataclass
class Arguments:
    """study: which; uri: the MLflow store; out: the folder for <study>/table.md, table.csv and curves.png."""

    study: str = MISSING
    uri: str = "sqlite:///runs/mlflow.db"
    out: str = "runs/reports"


def report(study: str, uri: str, out: Path) -> str:
    """Write the report of a study into a folder; returns the table as Markdown."""
    runs = load_runs(study, uri)
    history = load_history(runs, ["valid/ppl", "epoch_s"])
    comparison = compare(runs, history)
    text = markdown(comparison)
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.md").write_text(f"# {study}\n\n{text}")
    comparison.groups.to_csv(out / "table.csv", index=False)
    learning_curves(comparison, history, study, out / "curves.png")
    return text


def main(arguments: Arguments) -> None:
    folder = Path(arguments.out) / arguments.study
    print(report(arguments.study, arguments.uri, folder))
    print(f"Written: {folder}/table.md, table.csv, curves.png")


if __name__ == "__main__":
    run(main, Arguments, "compare", __doc__)
