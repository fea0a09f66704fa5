"""Import MLflow, open its stores, and keep others from one that is a file."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from rnnexp.data.files import kind_of
from rnnexp.errors import UserError
from rnnexp.records.address import Address, require_address
from rnnexp.records.sqlite import file_of, for_sqlalchemy, is_sqlite, uri_of
from rnnexp.records.trash import InTrash
from rnnexp.tracking.mlflow import store_file


@cache
def library() -> Any:
    """Import MLflow, which takes seconds."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # A server that does not answer must not hold the end of a run up for minutes. It is not asked twice for a
    # run by MLflow itself, which would not notice that it has got one already.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # A connection that is kept would go on writing to a file that was removed or replaced meanwhile.
    os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    import mlflow.entities
    import mlflow.exceptions
    import mlflow.tracking

    for name in "alembic", "mlflow", "sqlalchemy":  # what fails is said in a line by whoever delivers
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return mlflow


def client_of(uri: str) -> Any:
    """Return MLflow's client of a store; UserError where that is a path, a folder or a pipe.

    A server asks for user and password, which `Address.connected` puts where MLflow finds them.
    """
    require_address("uri", uri)
    file, address = file_of(uri), Address(uri)
    if file:
        require_file(file, uri)
    address.require_answer()
    return library().tracking.MlflowClient(for_sqlalchemy(file) if file else address.to_connect())


def require_file(file: Path, uri: str) -> None:
    """Raise UserError where a store's file is another program's, or a folder or a pipe.

    MLflow would try to open these for minutes.
    """
    if file.exists() and not file.is_file():
        raise UserError(
            f"uri={uri} is no store: {file} is a {kind_of(file)}; name a file, such as {file / 'mlflow.db'}"
        )
    if not is_sqlite(file):
        raise UserError(f"uri={uri} is no store: {file} is no SQLite file; name another")


@contextmanager
def alone_with(uri: str) -> Iterator[Path | None]:
    """Keep others from an SQLite store within the context; yield the folder for artifacts, None for other stores."""
    file = file_of(uri)
    if file is None:
        yield None
        return
    require_file(file, uri)
    with store_file.alone_with(
        file, fill=lambda made: client_of(uri_of(made)).search_experiments()
    ) as artifacts:
        yield artifacts


def find_experiment(client: Any, study: str, artifacts: Path | None, uri: str) -> str:
    """Return the id of the study's MLflow experiment, made where it does not exist; InTrash where it was deleted."""
    experiment = client.get_experiment_by_name(study)
    if experiment is None:
        try:
            return client.create_experiment(study, (artifacts / study).as_uri() if artifacts else None)
        except library().exceptions.MlflowException:  # made by another run meanwhile, on a server
            experiment = client.get_experiment_by_name(study)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        raise InTrash(study, experiment.experiment_id, uri)
    return experiment.experiment_id
