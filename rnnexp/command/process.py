"""End every command in the same way: with an exit status, and one plain line for what its user can mend."""

import logging
import os
import signal
import sys
from collections.abc import Callable

from rnnexp.errors import Interrupted, explained, is_mistake
from rnnexp.output import Formatter, Screen, say, show_traceback, writing_to


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


def flush_output() -> None:
    """Write out what was printed, here rather than when Python ends and only grumbles about an error.

    Raises
    ------
    BrokenPipeError where whoever read it has had enough, OSError where the disk is full: what is left is dropped.
    """
    try:
        with writing_to("standard output"):
            sys.stdout.flush()
            if Screen.lost:
                raise Screen.lost
    except OSError:
        drop_output()
        raise


def drop_output() -> int:
    """Let go of what is still to be printed, for nobody reads it any more; return the exit status of that."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def make_streams_usable() -> None:
    """Let a command read and print whatever the streams are that it was started with.

    One that is closed becomes the null device; stdout shows letters that a terminal lacks as escapes, as stderr does.
    """
    Screen.lost = None
    for name, mode in ("stdin", "r"), ("stdout", "w"), ("stderr", "w"):
        if getattr(sys, name) is None:
            # the least number that is free: no other file gets that of a stream
            number = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)  # to processes that are started
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
