"""Read the arguments of `rnnexp report`, write the report, and say how it went."""

import sys
from dataclasses import dataclass

from rnnexp.analysis.command import ComparisonArguments
from rnnexp.analysis.report.write import Request, write
from rnnexp.output import say


@dataclass
class Arguments(ComparisonArguments):
    """Say also whether a refused verdict is an error."""

    strict: bool = False


def command(arguments: Arguments) -> None:
    """Write the report, print what it says; exit with status 1 where that is asked for and a check refuses."""
    request = Request(
        arguments.studies,
        arguments.where,
        arguments.baseline,
        arguments.margin,
        arguments.look,
        arguments.uri,
        arguments.out,
    )
    written = write(request)
    say(written.text)
    say(
        f"Written: {written.folder}/index.html, table.md, table.csv, table.tex, runs.csv, report.json, figures/"
    )
    if arguments.strict and written.refused:
        sys.exit(1)
