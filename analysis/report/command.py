"""Write the page of a study: which cell, was it fair, by how much, at what cost, and every run's fate.

rnnexp report study=NAME [study=A,B] [where=CONDITION] [baseline=lstm] [margin=0.01] [look=1]
                          [strict=false] [uri=MLFLOW_STORE] [out=FOLDER]

study     one study or several, separated by commas
where     keeps some of the runs: 'dataset.name=ptb and model.num_layers=2'
baseline  compare with this cell or configuration alone, not each pair
margin    what matters, in nats per token: 0.01 is 1% of perplexity
look      2 where a study is looked at a second time, with more seeds
strict    exit status 1 where a check of fairness refuses a verdict
out       the folder in which the studies' reports lie

Written into the study's folder of reports: index.html, table.md, table.csv, table.tex, runs.csv,
report.json, figures/.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rnnexp.analysis.command import ComparisonArguments
from rnnexp.analysis.report.write import write
from rnnexp.command.arguments import read
from rnnexp.output import say


@dataclass
class Arguments(ComparisonArguments):
    """Say also whether a refused verdict is an error."""

    strict: bool = False


def run(given: Sequence[str]) -> int | None:
    """Write the report, print what it says; return 1 where that is asked for and a check refuses."""
    arguments = read(given, Arguments)
    written = write(arguments)
    say(written.text)
    say(
        f"Written: {written.folder}/index.html, table.md, table.csv, table.tex, runs.csv, report.json, figures/"
    )
    return 1 if arguments.strict and written.refused else None
