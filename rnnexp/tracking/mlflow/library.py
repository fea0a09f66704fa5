"""Import MLflow, and keep others from an SQLite store while one process writes it."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

SQLITE = "sqlite:///"
PATIENCE_S = 60.0  # seconds to wait for another process that is at the same store


@cache
def library() -> Any:
    """Import MLflow, which takes seconds."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # A server that does not answer must not hold the end of a run up for minutes. It is not asked twice for a
    # run by MLflow itself, which would not notice that it has got one already.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow.entities
    import mlflow.exceptions
    import mlflow.tracking

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return mlflow


@contextmanager
def alone_with(uri: str) -> Iterator[Path | None]:
    """Keep others from an SQLite store within the context; yield the folder for artifacts, None for other stores.

    Several processes on a fresh file crash in MLflow's migrations, and MLflow leaves SQLite in a
    journal mode in which readers and writers block each other.
    """
    if not uri.startswith(SQLITE):
        yield None
        return
    file = Path(uri.removeprefix(SQLITE))
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock", timeout=PATIENCE_S):
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA journal_mode=WAL")
        yield file.parent.absolute() / "artifacts"


def find_experiment(client: Any, study: str, artifacts: Path | None) -> str:
    """Return the id of the study's MLflow experiment, made where it does not exist."""
    experiment = client.get_experiment_by_name(study)
    if experiment is None:
        try:
            return client.create_experiment(study, (artifacts / study).as_uri() if artifacts else None)
        except library().exceptions.MlflowException:  # made by another run meanwhile, on a server
            experiment = client.get_experiment_by_name(study)
            if experiment is None:
                raise
    return experiment.experiment_id
