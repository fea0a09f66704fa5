"""Write the table and the learning curves of a study.

python -m analysis.compare study=NAME [uri=MLFLOW_STORE] [out=FOLDER]
"""

from pathlib import Path

from analysis.command import run_on_study
from analysis.comparison import compare
from analysis.figures import draw_learning_curves
from analysis.records import load_history, load_runs
from analysis.tables import markdown
from rnnexp.records.files import replace_text


def report(study: str, uri: str, out: Path) -> str:
    """Write the report of a study into a folder; return the table as Markdown."""
    runs = load_runs(study, uri)
    history = load_history(runs, ["valid/ppl", "epoch_s"])
    comparison = compare(runs, history)
    text = markdown(comparison)
    out.mkdir(parents=True, exist_ok=True)
    replace_text(out / "table.md", f"# {study}\n\n{text}")
    comparison.groups.to_csv(out / "table.csv", index=False)
    draw_learning_curves(comparison, history, study, out / "curves.png")
    return text


def main() -> None:
    """Report on the study that the command line names."""
    run_on_study(report, "compare", "table.md, table.csv, curves.png", __doc__)


if __name__ == "__main__":
    main()
