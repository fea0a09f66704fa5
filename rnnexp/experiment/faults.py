"""Say in one line what goes wrong in code of the user's: which part, which file, which line."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rnnexp.errors import UserError, one_line


@contextmanager
def blamed(named: str, file: str) -> Iterator[None]:
    """Turn all that goes wrong within the context, but for what is in plain words already, into a UserError.

    named : how the line begins. file : that of which the line is told, where the error came through it.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"{named}{place(error, file)}: {reason(error)}") from error


@contextmanager
def told_by_file(files: Mapping[str, str]) -> Iterator[None]:
    """Turn what comes through one of these files within the context into a UserError; all else goes on as it is.

    files : file -> how the line begins.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        for file, named in files.items():
            if where := place(error, file):
                raise UserError(f"{named}{where}: {reason(error)}") from error
        raise


def place(error: BaseException, file: str) -> str:
    """Return the last line of a file that an error came through, as ", line 3"; empty where it did not."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines.append(error.lineno)
    return f", line {lines[-1]}" if lines else ""


def reason(error: BaseException) -> str:
    """Return an error by its kind and message; of a method that its class had to define, which one."""
    if isinstance(error, NotImplementedError) and not str(error):
        return f"it defines no {traceback.extract_tb(error.__traceback__)[-1].name}"
    return f"{type(error).__name__}: {one_line(error)}".removesuffix(": ")
