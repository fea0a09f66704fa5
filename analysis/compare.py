"""Write the table and the learning curves of a study.

python -m analysis.compare study=NAME [uri=MLFLOW_STORE] [out=FOLDER]
"""

from pathlib import Path

from analysis.command import run_on_study
from analysis.comparison import compare
from analysis.figures import draw_learning_curves
from analysis.records import deleted_runs, load_history, load_runs
from analysis.tables import markdown


def report(study: str, uri: str, out: Path) -> str:
    """Write the report of a study into a folder; return the table as Markdown."""
    runs = load_runs(study, uri)
    history = load_history(runs, ["valid/ppl", "epoch_s"])
    comparison = compare(runs, history)
    if gone := deleted_runs(study):
        comparison.problems.append(f"{len(gone)} runs were deleted in the store by hand: {', '.join(gone)}")
    text = markdown(comparison)
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.md").write_text(f"# {study}\n\n{text}")
    comparison.groups.to_csv(out / "table.csv", index=False)
    draw_learning_curves(comparison, history, study, out / "curves.png")
    return text


def main() -> None:
    """Report on the study that the command line names."""
    run_on_study(report, "compare", "table.md, table.csv, curves.png", __doc__)


if __name__ == "__main__":
    main()
