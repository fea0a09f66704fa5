"""Define the errors that are not bugs, and say them in one plain line."""

import json
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from rnnexp.installation import how_to_add
from rnnexp.output import safe


class UserError(ValueError):
    """Explain a user's mistake by the message alone: one plain sentence with the key or file, and what to do."""


class Diverged(UserError):
    """Say that the loss or the gradient stopped being a finite number."""


class Superseded(UserError):
    """Say that another process has taken the run over, or its folder was removed."""


class Interrupted(KeyboardInterrupt):
    """Say that a signal asked the run to stop, which it did after saving a checkpoint.

    It derives from KeyboardInterrupt, so that no `except Exception` between the training loop and the
    command line takes it for a failure.
    """

    def __init__(self, signum: int):
        super().__init__(signal.Signals(signum).name)
        self.signum = signum

    def __reduce__(self):  # crosses the process boundary of a parallel sweep
        return Interrupted, (self.signum,)


# how lines begin that Hydra and OmegaConf add for their own developers, or that advise what is refused here
NOISE = "full_key:", "object_type=", "reference_type=", "To append to your config", "See https", "^"


def one_line(error: BaseException) -> str:
    """Return the message of an error in one line, safe to be shown and kept."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:  # without its number
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    said, _, _ = text.partition("Config search path:")
    lines = [line.strip() for line in said.splitlines()]
    return safe("; ".join(line for line in lines if line and not line.startswith(NOISE)))


def first_line(error: BaseException, length: int = 300) -> str:
    """Return the first line of the message of an error of a library, which may write pages; at least its name."""
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return safe(line if len(line) <= length else f"{line[:length]}...")


# What libraries raise over what a user gave them and say in words, by the module that has it. Of those that are
# not loaded nothing can come, so none is imported here.
FOREIGN = {
    "hydra.errors": "HydraException",
    "omegaconf.errors": "OmegaConfBaseException",
    "yaml": "YAMLError",
    "sqlite3": "Error",
    "sqlalchemy.exc": "SQLAlchemyError",
    "mlflow.exceptions": "MlflowException",
}
# names of modules begin so -> the extra that has them
ADVICE = {"psycopg": "postgres", "tokenizers": "bpe"}


def foreign_errors(*modules: str) -> tuple[type[BaseException], ...]:
    """Return the errors of these modules of `FOREIGN`, by default of all, as far as they are loaded."""
    return tuple(
        getattr(sys.modules[name], FOREIGN[name]) for name in modules or FOREIGN if name in sys.modules
    )


def is_mistake(error: BaseException) -> bool:
    """Return whether an error is one that its user can mend; with HYDRA_FULL_ERROR=1 none counts as one."""
    if os.environ.get("HYDRA_FULL_ERROR", "0") not in ("", "0"):
        return False
    return isinstance(error, (UserError, OSError, MemoryError, *foreign_errors()))


def explained(error: BaseException) -> str:
    """Return what an error says, and what to do where that is known, in one line."""
    if isinstance(error, MemoryError):
        return f"not enough memory: {one_line(error) or 'choose a smaller model or data set'}"
    if isinstance(error, foreign_errors("sqlalchemy.exc", "mlflow.exceptions")):
        return first_line(error)
    if isinstance(error, ImportError):
        wanted = [extra for name, extra in ADVICE.items() if (error.name or "").startswith(name)]
        return safe(f"{error}: {how_to_add(wanted[0]) if wanted else f'pip install {error.name}'}")
    composing = foreign_errors("hydra.errors", "omegaconf.errors")
    own_words = isinstance(error, UserError)  # which say all of it
    causes = [error.__cause__] if isinstance(error.__cause__, composing) and not own_words else []
    return "; ".join(filter(None, map(one_line, [error, *causes]))) or type(error).__name__


def from_environment(name: str, kind: type) -> dict[str, Any]:
    """Return what a command has left in an environment variable for the processes that it starts.

    kind : of each value.

    Raises
    ------
    UserError where something else has set it.
    """
    try:
        found = json.loads(os.environ.get(name, "{}"))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, kind) for value in found.values()):
        raise UserError(f"{name} in the environment is not the JSON that rnnexp puts there: unset it")
    return found


def unknown_argument(argument: str, keys: Iterable[str]) -> str:
    """Return that a command has no such argument, which one may have been meant, and which there are."""
    known = [f"{key}=" for key in keys]
    key, equals, _ = argument.lstrip("-").partition("=")
    is_value = not equals and argument[:1] not in ("", "-")
    near = [f"{known[0]}{argument}"] if is_value else get_close_matches(f"{key}=", known, n=1)
    meant = f"did you mean {near[0]}? There are" if near else "the options are"
    return f"{argument} is not known: {meant} {', '.join(known)}"


@contextmanager
def about(what: str) -> Iterator[None]:
    """Name what cannot be read within the context, whatever a library raises over it: a UserError.

    For what comes from outside: a store, a server, a file of another program. Nobody lists all that a library
    raises over a damaged file.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        raise UserError(f"{what} cannot be read: {explained(error)}") from error
