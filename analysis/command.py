"""Read the commands' key=value arguments, and say what is wrong in one plain line."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from analysis.verdict import Rules
from rnnexp.errors import UserError
from rnnexp.output import safe, say
from rnnexp.records.address import clean_arguments
from rnnexp.records.names import require_name

T = TypeVar("T")


@dataclass
class StudyArguments:
    """Name one study or more, the MLflow store `uri`, and the folder `out` in which the studies' reports lie."""

    study: str = MISSING
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


def run_on_study(
    report: Callable[[S, Path], str], arguments: type[S], name: str, files: str, doc: str | None
) -> None:
    """Print what `report(arguments, folder)` returns, and the files that it wrote into the folder."""

    def command(given: S) -> None:
        say(report(given, given.folder))
        say(f"Written: {given.folder}/{files}")

    run(command, arguments, name, doc)


def run(command: Callable[[T], None], arguments: type[T], name: str, doc: str | None) -> None:
    """Call `command` with the arguments of the command line, an instance of the dataclass `arguments`."""
    if {"-h", "--help"} & set(sys.argv):
        say(doc or "")
        sys.exit()
    try:
        cli = OmegaConf.from_cli(clean_arguments(sys.argv[1:]))
        given = OmegaConf.merge(OmegaConf.structured(arguments), cli)
        command(OmegaConf.to_object(given))  # type: ignore[arg-type]
    except (UserError, OmegaConfBaseException, YAMLError, OSError) as error:
        message = safe(str(error).partition("\n")[0])
        sys.exit(f"analysis.{name}: {message}")
    except KeyboardInterrupt:
        sys.exit(130)
