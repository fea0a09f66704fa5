"""The commands over the records: key=value arguments, and one plain line where something is wrong."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from analysis.load import NoRecords

T = TypeVar("T")


@dataclass
class OfStudy:
    """study: which; uri: the MLflow store; out: the folder in which the study's folder of reports lies."""

    study: str = MISSING
    uri: str = "sqlite:///runs/mlflow.db"
    out: str = "runs/reports"


def run_on_study(report: Callable[[str, str, Path], str], name: str, files: str, doc: str | None) -> None:
    """Print what `report(study, uri, folder)` returns, and the files that it wrote into the folder."""

    def command(arguments: OfStudy) -> None:
        folder = Path(arguments.out) / arguments.study
        print(report(arguments.study, arguments.uri, folder))
        print(f"Written: {folder}/{files}")

    run(command, OfStudy, name, doc)


def run(command: Callable[[T], None], arguments: type[T], name: str, doc: str | None) -> None:
    """Call `command` with the arguments of the command line, an instance of the dataclass `arguments`."""
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(doc))
    try:
        given = OmegaConf.merge(OmegaConf.structured(arguments), OmegaConf.from_cli())
        command(OmegaConf.to_object(given))  # type: ignore[arg-type]
    except (NoRecords, OmegaConfBaseException, OSError) as error:
        message = str(error).partition("\n")[0]
        sys.exit(f"analysis.{name}: {message}")
    except KeyboardInterrupt:
        sys.exit(130)
