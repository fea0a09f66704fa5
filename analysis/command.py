"""Read the commands' key=value arguments, and say what is wrong in one plain line."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args, get_type_hints

from omegaconf import MISSING, OmegaConf

from rnnexp.analysis.verdict import Rules
from rnnexp.errors import (
    UserError,
    drop_output,
    explained,
    flush_output,
    is_mistake,
    make_streams_usable,
    unknown_argument,
)
from rnnexp.output import say
from rnnexp.records.address import clean_arguments
from rnnexp.records.names import require_name

T = TypeVar("T")
OTHER_OUT = "name another by out="  # what to do where a folder cannot be made
KINDS: dict[Any, tuple[str, Callable[[str], Any]]] = {  # what a value must be, and how it is read
    bool: ("true or false", lambda text: {"true": True, "false": False}[text.lower()]),
    int: ("a whole number", int),
    float: ("a number", float),
}


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
    make_streams_usable()
    try:
        status = run(clean_arguments(sys.argv[1:]))
        flush_output()
        sys.exit(status)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(drop_output())
    except Exception as error:
        if not is_mistake(error):
            raise
        sys.exit(f"analysis.{name}: {explained(error)}")


def read(given: Sequence[str], arguments: type[T]) -> T:
    """Return the dataclass `arguments` with these KEY=VALUE over its defaults; a text is taken as it stands.

    Raises
    ------
    UserError where an argument is unknown, does not fit its type, or is missing.
    """
    config = OmegaConf.structured(arguments)
    hints = get_type_hints(arguments)
    for argument in given:
        key, _, value = argument.partition("=")
        if key not in hints or "=" not in argument:
            raise UserError(unknown_argument(argument, hints))
        what, read_as = KINDS.get(hints[key], ("a text", str))
        try:
            config[key] = None if value == "null" and type(None) in get_args(hints[key]) else read_as(value)
        except (KeyError, ValueError) as error:
            raise UserError(f"{argument} must be {what}") from error
        if hints[key] is float and not math.isfinite(config[key]):  # nan, inf
            raise UserError(f"{argument} must be {what}")
    for key in OmegaConf.missing_keys(config):
        raise UserError(f"{key} has no value: add {key}=VALUE")
    made: Any = OmegaConf.to_object(config)
    return made
