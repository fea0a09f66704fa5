"""Open what a search keeps its trials in: a file, or a server that several machines reach."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from rnnexp.data.files import kind_of
from rnnexp.errors import UserError, explained, first_line
from rnnexp.records.address import Address, require_address
from rnnexp.records.files import ELSEWHERE, make_folder
from rnnexp.records.lease import LEASE_S
from rnnexp.records.sqlite import file_of, for_sqlalchemy
from rnnexp.sweeps.trials import OWNER

JOURNAL = "journal:///"
BUSY_S = 60.0  # that one process waits for another to have written an SQLite file
AWAY = StorageInternalError, SQLAlchemyError  # what is raised where it cannot be reached any more
MAKING = 5  # attempts to make the tables: of several processes at once only one succeeds


def require_possible(address: Address) -> None:
    """Raise UserError where the address of a storage is none, or that of a file which cannot be."""
    require_address("sweep.storage", address, kinds=None)
    file = Path(address.removeprefix(JOURNAL)) if address.startswith(JOURNAL) else file_of(address)
    if file and file.exists() and not file.is_file():
        raise UserError(f"sweep.storage={address}: {file} is a {kind_of(file)}; name a file")
    if file and not file.parent.is_dir():
        raise UserError(f"sweep.storage={address}: there is no folder {file.parent}; make it first")


def storage_in(folder: Path, several_machines: bool) -> Address:
    """Return the address of a search's storage in the folder of its runs, which all its machines see."""
    make_folder(folder, ELSEWHERE)
    if several_machines:
        return Address(f"{JOURNAL}{folder}/search.journal")
    if (folder / "search.db").is_symlink():
        raise UserError(f"{folder}/search.db is a link, which could lead anywhere: put the file itself there")
    return Address(for_sqlalchemy(folder / "search.db"))


def open_study(address: Address, name: str, pruner: optuna.pruners.BasePruner) -> optuna.Study:
    """Return the Optuna study of a name, made where it is not there; UserError where the storage cannot be used."""
    for attempt in range(1, MAKING + 1):
        try:
            return optuna.create_study(
                storage=open_storage(address),
                study_name=name,
                pruner=pruner,
                direction="minimize",
                load_if_exists=True,
            )
        except Exception as error:  # whatever a database can raise
            if attempt == MAKING or not meanwhile_made(error):
                raise unusable(address, error) from error
            time.sleep(0.2 * attempt)
    raise AssertionError


def open_storage(address: Address) -> BaseStorage:
    """Return Optuna's storage at an address."""
    if address.startswith(JOURNAL):
        return JournalStorage(JournalFileBackend(address.removeprefix(JOURNAL)))
    url = address.to_connect()
    options: dict[str, Any] = {"pool_pre_ping": True}  # a server may begin anew meanwhile
    if address.kind == "sqlite":
        options = {"connect_args": {"timeout": BUSY_S}, "poolclass": NullPool}  # closed after each use
    elif address.lower().startswith("postgresql://") and not find_spec("psycopg2"):
        url = f"postgresql+psycopg{url[len('postgresql') :]}"  # the driver that the extra `postgres` has
    return RDBStorage(url, options)


@contextmanager
def reached(address: Address) -> Iterator[None]:
    """Have a storage that cannot be reached any more, within the context, end the command in a line."""
    try:
        yield
    except AWAY as error:
        raise unusable(address, error) from error


def meanwhile_made(error: Exception) -> bool:
    """Return whether an error says that another process has made the same table or row first."""
    said = f"{type(error.__cause__ or error).__name__} {error}"
    return "already exists" in said or "IntegrityError" in said


def unusable(address: Address, error: Exception) -> UserError:
    """Return a line about a storage that cannot be reached, or does not do what it should."""
    missing = isinstance(error.__cause__, ImportError)
    reason = explained(error.__cause__) if missing and error.__cause__ else first_line(error)
    return UserError(f"sweep.storage={address} cannot be used: {reason}")


def require_one_machine(address: Address, study: optuna.Study) -> None:
    """Raise UserError where several machines are at an SQLite file, whose locks do not reach from one to another."""
    if address.kind != "sqlite":
        return
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        owner = trial.user_attrs.get(OWNER)
        if owner and owner["host"] != socket.gethostname() and time.time() - owner["at"] < LEASE_S:
            raise UserError(
                f"{owner['host']} is at this search too, and an SQLite file is for one machine: give all of them "
                f"sweep.storage={JOURNAL}FILE, or a server such as postgresql://USER@HOST/DATABASE"
            )
