"""Read the arguments of `rnnexp report`, write the report, and say how it went."""

import sys
from dataclasses import dataclass

from omegaconf import MISSING

from analysis.report.write import Request, write
from rnnexp.errors import UserError


@dataclass
class Arguments:
    """Hold what the command line may give; see the help of the package."""

    study: str = MISSING
    where: str = ""
    baseline: str = ""
    margin: float = 0.01
    look: int = 1
    strict: bool = False
    uri: str = "sqlite:///runs/mlflow.db"
    out: str = "runs/reports"


def command(arguments: Arguments) -> None:
    """Write the report, print what it says; exit with status 1 where that is asked for and a check refuses."""
    studies = [name.strip() for name in arguments.study.split(",") if name.strip()]
    if not studies:
        raise UserError("study= names no study")
    request = Request(
        studies,
        arguments.where,
        arguments.baseline,
        arguments.margin,
        arguments.look,
        arguments.uri,
        arguments.out,
    )
    written = write(request)
    print(written.text)
    print(
        f"Written: {written.folder}/index.html, table.md, table.csv, table.tex, runs.csv, report.json, figures/"
    )
    if arguments.strict and written.refused:
        sys.exit(1)
