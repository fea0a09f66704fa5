"""Read the commands' key=value arguments, and say what is wrong in one plain line."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from rnnexp.errors import UserError
from rnnexp.output import safe, say
from rnnexp.records.address import clean_arguments
from rnnexp.records.names import require_name

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
        require_name("study", arguments.study)
        folder = Path(arguments.out) / arguments.study
        say(report(arguments.study, arguments.uri, folder))
        say(f"Written: {folder}/{files}")

    run(command, StudyArguments, name, doc)


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
