"""Take the password out of an address as soon as it comes in, and give it to nobody but the library that connects.

The password goes to where no other user of the machine can read it, the environment of this process and those
that it starts. Files, stores, command lines and the screen get the address without it.
"""

import json
import os
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from rnnexp.errors import UserError, from_environment
from rnnexp.output import PASSWORDS, SECRET_KEY, say
from rnnexp.records.digests import with_texts

SCHEME = re.compile(r"[A-Za-z][\w+.-]*://")
# by which schemes MLflow reaches stores; http is https too
STORES = "sqlite", "http", "postgresql", "mysql", "mssql", "databricks"
TEXTS = ("prompt=",)  # arguments that are no addresses, whatever they hold
ALSO = {  # the variables by which libraries take what an address lacks
    "http": "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (or _TOKEN)",
    "postgresql": "PGPASSWORD, or the file ~/.pgpass",
}


class Address(str):
    """Hold the address of a store, a server or a file without its password; as text it is just that.

    Raises
    ------
    UserError, which does not show the address, where it cannot be said what of it is the password.
    """

    def __new__(cls, text: str) -> "Address":
        """Return the address in a text, whose password the environment keeps."""
        plain = without_password(text)
        if plain != text and "***" not in text:  # which stands where a password was
            os.environ[PASSWORDS] = json.dumps(remembered() | {plain: text})
        return super().__new__(cls, plain)

    @property
    def kind(self) -> str:
        """Return the scheme, such as http, without a driver or the s of https."""
        scheme = self.partition("://")[0].lower().partition("+")[0]
        return "http" if scheme == "https" else scheme

    def to_connect(self) -> str:
        """Return what a library connects with, which nobody may show or keep.

        Of a server it is the address without user and password: those are `credentials`.
        """
        if self.kind != "http":
            return remembered().get(str(self), str(self))
        scheme, _, rest = self.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    def require_answer(self) -> None:
        """Connect to a database server once; raise what SQLAlchemy does where that fails: MLflow tries for minutes."""
        if self.kind in ("postgresql", "mysql", "mssql"):
            import sqlalchemy  # slow

            os.environ.setdefault("PGCONNECT_TIMEOUT", "5")
            sqlalchemy.create_engine(self.to_connect(), poolclass=sqlalchemy.NullPool).connect().close()

    @contextmanager
    def connected(self) -> Iterator[str]:
        """Yield the address to connect with; a library finds user and password in the environment meanwhile."""
        given = self.credentials()
        before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        try:
            yield self.to_connect()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})

    def credentials(self) -> dict[str, str]:
        """Return the environment variables by which MLflow tells a server who it is; empty without user or password."""
        if self.kind != "http":
            return {}
        rest = remembered().get(str(self), str(self)).partition("://")[2]
        user, _, password = rest.rpartition("@")[0].partition(":")
        named = {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": password}
        return {name: unquote(value) for name, value in named.items() if value}


def require_address(key: str, text: str, kinds: Collection[str] | None = STORES) -> None:
    """Raise UserError where the value of a key can be no address, with the one that is meant where it is a path.

    kinds : the schemes that there are; None: any, by libraries that are installed.
    """
    path = text.removeprefix("file://")
    if re.fullmatch("sqlite:/*(:memory:)?", text):
        raise UserError(f"{key}={text} names no file: write sqlite:///FILE")
    if re.match("sqlite://[^/]", text):
        path = text.removeprefix("sqlite://")
    if path != text or not SCHEME.match(text):
        file = Path(path) / "store.db" if Path(path).is_dir() else path
        raise UserError(f"{key}={text} is no address of a store: for a file write sqlite:///{file}")
    kind = Address(text).kind
    if kinds is not None and kind not in kinds and kind not in plugins():
        raise UserError(f"{key}={text}: there is no store by {kind}; it must be by {', '.join(kinds)}")
    if kind == "http" and not has_server(text):
        raise UserError(f"{key}={text} names no server: write http://HOST:PORT")


def has_server(text: str) -> bool:
    """Return whether the address of a server names a host, and no port that there cannot be."""
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port above 65535, or half an IPv6 address
        return False


def plugins() -> set[str]:
    """Return the schemes of stores that plugins of MLflow add."""
    return set(entry_points(group="mlflow.tracking_store").names)


def remembered() -> dict[str, str]:
    """Return the addresses with passwords that this process knows, by those without."""
    return from_environment(PASSWORDS, str)


def without_password(text: str) -> str:
    """Return an address without its password and without secrets in its query; other text as it is."""
    found = SCHEME.match(text)
    if not found:
        return text
    rest = text[found.end() :]
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    # whose path may have an @
    of_file = found[0].lower().startswith(("sqlite", "file", "journal")) and not authority
    if not of_file and (rest.count("@") > 1 or authority.count("@") < rest.count("@")):
        raise UserError(
            "an address has an @ where it cannot be told from a password: write %40 for it, "
            "%2F for /, %3A for :, %3F for ? and %23 for #"
        )
    user, at, host = authority.rpartition("@")
    tail, mark, query = rest[len(authority) :].partition("?")
    query, hash_, fragment = query.partition("#")
    pairs = re.split("[&;]", query)
    kept = [pair for pair in pairs if not SECRET_KEY.match(unquote(pair.partition("=")[0]))]
    query = query if len(kept) == len(pairs) else "&".join(kept)
    mark = mark if query else ""
    return f"{found[0]}{user.partition(':')[0]}{at}{host}{tail}{mark}{query}{hash_}{fragment}"


def clean_arguments(arguments: list[str]) -> list[str]:
    """Return the arguments of a command without passwords; where there are any, say once what gives them away."""
    cleaned = [a if a.startswith(TEXTS) else clean_argument(a) for a in arguments]
    if changed := [before for before, after in zip(arguments, cleaned) if before != after]:
        kinds = {
            Address(f"{scheme}://").kind
            for a in changed
            for scheme in re.findall(r"([A-Za-z][\w+.-]*)://", a)
        }
        say(warning(kinds), file=sys.stderr)
    return cleaned


def clean_argument(argument: str) -> str:
    """Return an argument with its addresses, however many, without passwords; the environment has those."""
    parts = re.split(r"((?<![\w+.-])[A-Za-z][\w+.-]*://)", argument)
    done = parts[0]
    for scheme, rest in zip(parts[1::2], parts[2::2]):
        address = rest.rstrip("'\",)]} ")
        user = address.rpartition("@")[0]
        known_later = "${" in (user or address)  # where Hydra has resolved it
        done += (scheme + address if known_later else Address(scheme + address)) + rest[len(address) :]
    return done


def clean_config(value: Any) -> Any:
    """Return a config with every address in it without password; the environment has those."""
    return with_texts(lambda text: str(Address(text)), value)


def warning(kinds: set[str]) -> str:
    """Return what to tell whoever has written a password into a command, given the kinds of its addresses."""
    later = [ALSO[kind] for kind in sorted(kinds & ALSO.keys())] or ["the library that connects"]
    return (
        "the password in the command is used and kept nowhere, but lists of processes and your shell's history "
        f"show it: leave it out and give it by {' or '.join(later)}"
    )
