"""End every command in the same way: with an exit status, and one plain line for what its user can mend."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rnnexp.errors import Interrupted, UserError, one_line
from rnnexp.output import Formatter, say, show_traceback


def exit_status(name: str, command: Callable[[], int | None]) -> int:
    """Carry out a command and return its exit status.

    The status is 1 after an error that one plain line explains, which goes to stderr and begins with `name`. It
    is 128 plus the number of the signal after Ctrl-C, SIGTERM or a closed pipe. Else it is what the command
    returns, None being 0. With HYDRA_FULL_ERROR=1 in the environment an error is raised as it is.
    """
    full_errors = os.environ.get("HYDRA_FULL_ERROR", "0") not in ("", "0")
    logging.raiseExceptions = False  # when the output is piped into `head`, say
    if logging.lastResort:  # of commands that log to no file
        logging.lastResort.setFormatter(Formatter())
    sys.excepthook = show_traceback
    with hydra_raises():
        try:
            return command() or 0
        except KeyboardInterrupt as stop:
            return 128 + (stop.signum if isinstance(stop, Interrupted) else signal.SIGINT)
        except BrokenPipeError:  # whoever reads the output, `head` say, has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + signal.SIGPIPE
        except Exception as raised:
            error = raised
    assert error
    if full_errors or not isinstance(error, (UserError, OSError, MemoryError, *config_errors())):
        raise error
    say(f"{name}: {explained(error)}", file=sys.stderr)
    return 1


@contextmanager
def hydra_raises() -> Iterator[None]:
    """Make Hydra raise its errors within the context; else it prints several lines for each, and exits."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        os.environ.pop("HYDRA_FULL_ERROR")
        if before is not None:
            os.environ["HYDRA_FULL_ERROR"] = before


def config_errors() -> tuple[type[BaseException], ...]:
    """Return the errors of Hydra and OmegaConf, where these are loaded: `rnnexp offline` does without."""
    errors = {"hydra.errors": "HydraException", "omegaconf.errors": "OmegaConfBaseException"}
    return tuple(
        getattr(sys.modules[module], name) for module, name in errors.items() if module in sys.modules
    )


def explained(error: BaseException) -> str:
    """Return the message of an error in one line, and with it that of OmegaConf's error where it comes from one."""
    if isinstance(error, MemoryError):
        return f"not enough memory: {one_line(error) or 'choose a smaller model or data set'}"
    causes = [error.__cause__] if isinstance(error.__cause__, config_errors()) else []
    return "; ".join(map(one_line, [error, *causes]))
