"""Judge the claims that the documents make of GRU and LSTM: a section each with verdict, interval and figure.

rnnexp claims [uri=MLFLOW_STORE] [out=FOLDER] [into=PAGE] [only=NAME,NAME]

Reads what is recorded; each claim's runs are made by one command, `rnnexp -m experiment=claims/NAME`, which its
section names. A claim without runs in the store has "no runs here"; verdicts on runs that were made before are in the
repository's analysis/README.md, under Claims. Writes into FOLDER/claims: index.html, claims.md (the table),
claims.json (every number and sentence), figures/.
into=analysis/README.md puts the table between the two marks of that page, too. only: these claims alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnexp.analysis.claims.claim import NO_RUNS
from rnnexp.analysis.claims.gather import judge_all, tuned_rates
from rnnexp.analysis.claims.listed import CLAIMS
from rnnexp.analysis.claims.write import table, write
from rnnexp.analysis.command import chosen
from rnnexp.analysis.insert import put_into, with_table
from rnnexp.command.arguments import read
from rnnexp.errors import UserError
from rnnexp.output import say

BEGIN, END = "<!-- made by rnnexp claims -->", "<!-- end of what rnnexp claims made -->"


@dataclass
class Arguments:
    """Hold the arguments of the command; the package's docstring says what they mean."""

    uri: str = "sqlite:///runs/mlflow.db"
    out: str = "runs/reports"
    into: str | None = None
    only: str = ""


def run(given: Sequence[str]) -> None:
    """Judge the claims, write their page, and print the table."""
    arguments = read(given, Arguments)
    claims = chosen(CLAIMS, arguments.only)
    if arguments.into:
        with_table(arguments.into, BEGIN, END, "")  # refused before anything is written
    judged = judge_all(claims, arguments.uri)
    if arguments.into and not any(one.has_runs for one in judged):
        raise UserError(
            f"{arguments.uri} has no runs of a claim: into={arguments.into} would lose what stands there"
        )
    folder = Path(arguments.out) / "claims"
    write(judged, tuned_rates(arguments.uri), folder)
    if arguments.into:
        put_into(arguments.into, BEGIN, END, table(judged))
    say(f"{table(judged)}\nWritten: {folder}/index.html, claims.md, claims.json, figures/")
    if lacking := sum(one.finding.kind == NO_RUNS for one in judged):
        say(
            f"{lacking} of {len(judged)} claims have no runs in {arguments.uri}: the command beside each makes them. "
            "Verdicts on runs that were made before stand in analysis/README.md, under Claims."
        )
