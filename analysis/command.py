"""Hold the arguments that the commands share, and end a command of its own."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol, TypeVar

from rnnexp.analysis.verdict import Rules
from rnnexp.command.process import exit_status
from rnnexp.errors import UserError
from rnnexp.output import say
from rnnexp.records.address import clean_arguments
from rnnexp.records.names import require_name

N = TypeVar("N", bound="Named")
OTHER_OUT = "name another by out="  # what to do where a folder cannot be made


class Named(Protocol):
    """Have a name, by which a command takes it."""

    @property
    def name(self) -> str: ...


def chosen(known: Sequence[N], only: str) -> list[N]:
    """Return those that a comma-separated list names; all where it is empty."""
    by_name = {one.name: one for one in known}
    names = [name.strip() for name in only.split(",") if name.strip()]
    for name in names:
        if name not in by_name:
            raise UserError(f"only={name} is not known: choose from {', '.join(by_name)}")
    return [by_name[name] for name in names] or list(known)


@dataclass
class StudyArguments:
    """Name one study or more, the MLflow store `uri`, and the folder `out` in which the studies' reports lie."""

    study: str
    uri: str = "sqlite:///runs/mlflow.db"
    out: str = "runs/reports"

    @property
    def studies(self) -> list[str]:
        """Return the names of the studies."""
        names = list(dict.fromkeys(name.strip() for name in self.study.split(",") if name.strip()))
        if not names:
            raise UserError("study= has no value: name a study, or several as study=A,B")
        for name in names:  # which become a part of the path
            require_name("study", name)
        return names

    @property
    def folder(self) -> Path:
        """Return the folder of the studies' report."""
        return Path(self.out) / "+".join(self.studies)


@dataclass
class ComparisonArguments(StudyArguments):
    """Say also which runs are compared, with which, and by which rules."""

    where: str = ""
    baseline: str = ""
    margin: float = 0.01
    look: int = 1

    def rules(self) -> Rules:
        """Return the rules of the verdicts."""
        try:
            return Rules(self.margin, self.look)
        except ValueError as error:
            raise UserError(str(error)) from error


S = TypeVar("S", bound=StudyArguments)


def run_on_study(report: Callable[[S, Path], str], arguments: S, files: str) -> None:
    """Print what `report(arguments, folder)` returns, and which of the files it wrote into the folder."""
    say(report(arguments, arguments.folder))
    written = [file for file in files.split(", ") if (arguments.folder / file).exists()]
    say(f"Written: {arguments.folder}/{', '.join(written)}")


def main(name: str, run: Callable[[Sequence[str]], int | None], doc: str | None) -> NoReturn:
    """End the process as `python -m analysis.NAME`, with the exit status that `run` returns, None being 0.

    A mistake ends in one line on stderr, as it does from `rnnexp NAME`, which calls `run` itself.
    """
    if {"-h", "--help"} & set(sys.argv):
        say(doc or "")
        sys.exit()
    sys.exit(exit_status(f"analysis.{name}", lambda: run(clean_arguments(sys.argv[1:]))))
