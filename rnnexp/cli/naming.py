"""Find the run that a command names: by its folder, by its study or by the id that a store has."""

import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from rnnexp import tracking
from rnnexp.command import arguments
from rnnexp.errors import UserError
from rnnexp.records import found
from rnnexp.records.files import from_home
from rnnexp.records.folder import RunFolder

RUNS = Path("runs")  # where studies lie, unless a command says otherwise


def with_run(given: Sequence[str], options: type) -> list[str]:
    """Return the arguments of a command with the one that has no key, if there is one, as run=ARGUMENT."""
    others = arguments.split(given, options)[1]
    arguments.refuse_flags(others, options)
    lone = [a for a in others if Path(a).exists() or ("=" not in a and not a.startswith(("~", "+")))]
    if lone and (len(lone) > 1 or any(a.startswith("run=") for a in given)):
        raise UserError(
            f"{lone[-1]} is one run too many: name one, by its folder, and quote a value with spaces"
        )
    return [f"run={a}" if a in lone else a for a in given]


def folder_of(
    named: str, typed: str, wanted: Callable[[RunFolder], bool], uri: str | None = None
) -> RunFolder:
    """Return the folder of the run that a user has named.

    Parameters
    ----------
    named : its folder; its study, or the folder of that; or its id in the store `uri`, where there is one.
    typed : the command up to the name, as in "rnnexp resume ".
    wanted : returns whether a run of a study is one that the command is for.

    Raises
    ------
    UserError where a study has several, with a line to type, or there is no such run.
    """
    if not named:
        raise UserError(f"name one run folder: {typed}RUN_FOLDER")
    path = from_home(named).absolute()
    folder = path.parent if path.is_file() else path  # a file of a run will do
    if found.is_run(folder):
        return RunFolder(folder)
    for study in path, Path(RUNS, named).absolute():
        runs = found.runs_of(study)
        fit = [run for run in runs if wanted(run)] or runs
        if len(fit) == 1:
            return fit[0]
        if runs:
            example = shlex.quote(str(fit[0]))
            raise UserError(f"{named} holds {len(runs)} runs: name one, as in {typed}{example}")
    if uri and not path.exists():
        return RunFolder(tracking.folder_of(named, uri))
    raise UserError(f"{named} is no run folder: it holds no config.yaml")


def has_weights(folder: RunFolder) -> bool:
    """Return whether a run has weights, by which it can be scored and write texts."""
    return folder.best_file.exists()


def may_go_on(folder: RunFolder) -> bool:
    """Return whether a run has been stopped before its end."""
    with suppress(UserError, OSError):
        return found.fate(folder) in (found.INTERRUPTED, found.FAILED, found.PREPARED)
    return False
