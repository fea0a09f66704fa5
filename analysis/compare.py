"""Say which configuration of a study is better: a table, verdicts, how fair they are, what was left out.

rnnexp compare study=NAME[,NAME] [where='dataset.name=ptb and model.num_layers=2'] [baseline=lstm]
               [margin=0.01] [look=1] [uri=MLFLOW_STORE] [out=FOLDER]

where: which runs, as KEY=VALUE or KEY!=VALUE, joined by and. baseline: a cell or configuration, with which
the others are compared; otherwise each with each. margin: the difference, in nats per token, that matters
(0.01 is 1% of perplexity). look=2: the study was looked at before with half of its seeds. Writes compare.md,
compare.csv and curves.png; a page with all figures is made by rnnexp report.
"""

from collections.abc import Sequence
from pathlib import Path

from rnnexp.analysis.command import OTHER_OUT, ComparisonArguments, main, run_on_study
from rnnexp.analysis.figures.compared import draw_learning_curves
from rnnexp.analysis.study import load_study
from rnnexp.analysis.tables import ON_SCREEN, csv, group_text, study_text
from rnnexp.analysis.texts import text_sentences, token_losses
from rnnexp.command.arguments import read
from rnnexp.records.files import make_folder, replace_text


def report(arguments: ComparisonArguments, out: Path) -> str:
    """Write the comparison of studies into a folder; return it as Markdown, of the runs left out the first."""
    study = load_study(
        arguments.studies, arguments.uri, arguments.where, arguments.baseline, arguments.rules()
    )
    losses = [token_losses(study.runs_of(group), group) for group in study.groups]
    groups = [
        group_text(study, group, text_sentences(group, own)) for group, own in zip(study.groups, losses)
    ]
    make_folder(out, OTHER_OUT)
    replace_text(out / "compare.md", f"# {', '.join(study.studies)}\n\n{study_text(study, groups)}")
    replace_text(out / "compare.csv", csv(study))
    (out / "curves.png").unlink(missing_ok=True)  # of an earlier look
    if study.groups:
        draw_learning_curves(study, out / "curves.png")
    return study_text(study, groups, ON_SCREEN, f"{out}/compare.md")


def run(arguments: Sequence[str]) -> None:
    """Report on the studies that the arguments name."""
    run_on_study(report, read(arguments, ComparisonArguments), "compare.md, compare.csv, curves.png")


if __name__ == "__main__":
    main("compare", run, __doc__)
