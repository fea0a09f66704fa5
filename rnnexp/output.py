"""Let text out to a screen, a log or a record: without passwords, and without signs that steer a terminal.

A vocabulary, a server's answer, an error of a library or a folder that was brought along can hold either. So all
that is printed goes by `say`, all that is logged by `Formatter`, and every error that is kept by
`errors.one_line`; each of them takes `safe`. Tables and pages, where names stand beside each other, take `visible`.
"""

import base64
import json
import logging
import os
import re
import sys
import traceback
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote, quote_plus, unquote

PASSWORDS = "RNNEXP_PASSWORDS"  # environment variable: JSON, address without password -> with it
OF_LIBRARIES = "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD"
SHORTEST = 4  # characters of a password that is looked for in any text; a shorter one stands in many words
# keys in the query of an address whose values are secrets
SECRET_KEY = re.compile(
    r"(?i)(.*pass(word|wd|phrase)?|.*pwd|.*token|.*secret|((api|access|auth)[_-]?)?key|odbc_connect)$"
)
USER = re.compile(r"(?<![\w+.-])([A-Za-z][\w+.-]*://)([^\s/?#:@\"'<>]*):([^\s\"'<>]*)@")
QUERY = re.compile(r"([?&;])([\w%.-]+)=([^&;#\s\"'<>]*)")
# all but newline and tab below the space, the second set of such codes, what ends lines or turns their direction
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Unicode's categories of these, of newline and tab, and of what takes no room (a joiner, a soft hyphen): a text may
# have them, but two names that differ in them look alike
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def known_passwords() -> list[str]:
    """Return every form of the passwords that this process knows, the longest first."""
    found = {os.environ.get(name, "") for name in OF_LIBRARIES}
    try:
        addresses = json.loads(os.environ.get(PASSWORDS, "{}")).values()
    except (ValueError, AttributeError):
        addresses = []  # of another program, which every command refuses: this shows the line
    for text in filter(lambda one: isinstance(one, str), addresses):
        place, _, query = text.partition("://")[2].partition("?")
        user, _, password = place.rpartition("@")[0].partition(":")
        found.add(password)
        basic = f"{unquote(user)}:{unquote(password)}".encode() if password else b""
        found.add(base64.b64encode(basic).decode())
        pairs = (pair.partition("=") for pair in re.split("[&;#]", query))
        found |= {value for key, _, value in pairs if SECRET_KEY.match(unquote(key))}
    plain = {unquote(text) for text in found}
    forms = found | plain | {quote(text, "") for text in plain} | {quote_plus(text) for text in plain}
    return sorted((text for text in forms if len(text) >= SHORTEST), key=len, reverse=True)


def without_passwords(text: str) -> str:
    """Return a text without the passwords in its addresses, and without those that this process knows."""
    if "://" in text:
        text = USER.sub(r"\1\2@", text)
        text = QUERY.sub(lambda m: f"{m[1]}{m[2]}=***" if SECRET_KEY.match(unquote(m[2])) else m[0], text)
    for password in known_passwords():
        text = text.replace(password, "***")
    return text


def safe(text: str) -> str:
    """Return a text `without_passwords`, and with escapes such as \\x1b in place of signs that steer a terminal."""
    return STEERING.sub(lambda m: escape(m[0]), without_passwords(text))


def visible(text: str) -> str:
    r"""Return a name, or another text of one line, with escapes for all signs in it that do not show.

    Those are the signs that `safe` writes out, newline and tab, and what takes no room.
    """
    if text.isprintable():
        return text
    return "".join(escape(sign) if unicodedata.category(sign) in HIDDEN else sign for sign in text)


def number(count: int, noun: str) -> str:
    """Return a count of things, as in "1 job" or "2 jobs"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return about how long so many seconds are."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def escape(sign: str) -> str:
    r"""Return a sign as `\x1b`, `\n` or `\u202e`."""
    return sign.encode("unicode_escape").decode()


def say(text: str = "", file: IO[str] | None = None, end: str = "\n") -> None:
    """Print a text, by default on stdout, and at once."""
    to = file or sys.stdout
    with writing_to("standard error" if to is sys.stderr else "standard output"):
        print(safe(text), file=to, end=end, flush=True)


@contextmanager
def writing_to(stream: str) -> Iterator[None]:
    """Name the stream in an error of the system within the context."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"{stream} cannot be written") from error


def clear_screen() -> None:
    """Clear the terminal that stdout is."""
    print("\x1b[2J\x1b[H", end="")


def show_traceback(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Print the traceback of an error that nobody has caught, as Python does."""
    say("".join(traceback.format_exception(kind, error, trace)), file=sys.stderr, end="")


class Formatter(logging.Formatter):
    """Format log messages as the standard class does, and make them safe."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return safe(super().format(record))


class Screen(logging.StreamHandler):
    """Log to a stream as the standard handler does, and keep the error of a line that could not be written.

    Training goes on without a screen; its command ends with the error. Whoever has read enough, as `head`, is none.
    """

    lost: OSError | None = None  # of this process

    def handleError(self, record: logging.LogRecord) -> None:
        """Keep the error that is being handled."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            Screen.lost = error
        super().handleError(record)
