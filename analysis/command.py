"""Read the commands' key=value arguments, and say what is wrong in one plain line."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnexp.errors import UserError

T = TypeVar("T")


@dataclass
class StudyArguments:
    """Name a study, the MLflow store `uri`, and the folder `out` in which the study's reports lie."""

    study: str = MISSING
    uri: str = "sqlite:///runs/mlflow.db"
    out: str = "runs/reports"


def run_on_study(report: Callable[[str, str, Path], str], name: str, files: str, doc: str | None) -> None:
    """Print what `report(study, uri, folder)` returns, and the files that it wrote into the folder."""

    def command(arguments: StudyArguments) -> None:
        folder = Path(arguments.out) / arguments.study
        print(report(arguments.study, arguments.uri, folder))
        print(f"Written: {folder}/{files}")

    run(command, StudyArguments, name, doc)


def run(command: Callable[[T], None], arguments: type[T], name: str, doc: str | None) -> None:
    """Call `command` with the arguments of the command line, an instance of the dataclass `arguments`."""
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(doc))
    try:
        given = OmegaConf.merge(OmegaConf.structured(arguments), OmegaConf.from_cli())
        command(OmegaConf.to_object(given))  # type: ignore[arg-type]
    except (UserError, OmegaConfBaseException, OSError) as error:
        message = str(error).partition("\n")[0]
        sys.exit(f"analysis.{name}: {message}")
    except KeyboardInterrupt:
        sys.exit(130)
