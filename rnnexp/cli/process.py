"""End every command in the same way: with an exit status, and one plain line for what its user can mend."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rnnexp.errors import Interrupted, drop_output, explained, flush_output, is_mistake, make_streams_usable
from rnnexp.output import Formatter, say, show_traceback


def exit_status(name: str, command: Callable[[], int | None]) -> int:
    """Carry out a command and return its exit status.

    The status is 1 after an error that one plain line explains, which goes to stderr and begins with `name`. It
    is 128 plus the number of the signal after Ctrl-C, SIGTERM or a closed pipe. Else it is what the command
    returns, None being 0. With HYDRA_FULL_ERROR=1 in the environment an error is raised as it is.
    """
    logging.raiseExceptions = False  # when the output is piped into `head`, say
    if logging.lastResort:  # of commands that log to no file
        logging.lastResort.setFormatter(Formatter())
    sys.excepthook = show_traceback
    make_streams_usable()
    try:
        status = command() or 0
        flush_output()
        return status
    except KeyboardInterrupt as stop:
        return 128 + (stop.signum if isinstance(stop, Interrupted) else signal.SIGINT)
    except BrokenPipeError:  # whoever reads the output, `head` say, has had enough
        return drop_output()
    except Exception as error:
        if not is_mistake(error):
            raise
        say(f"{name}: {explained(error)}", file=sys.stderr)
        return 1


@contextmanager
def hydra_raises() -> Iterator[None]:
    """Make Hydra raise its errors within the context; else it prints several lines for each, and exits.

    Only where Hydra's own program is called: other commands that are started meanwhile would show tracebacks.
    """
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        os.environ.pop("HYDRA_FULL_ERROR")
        if before is not None:
            os.environ["HYDRA_FULL_ERROR"] = before
