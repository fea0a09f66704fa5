"""Records in MLflow: one run a run folder, in the MLflow experiment of its study."""

import json
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from omegaconf import OmegaConf

from rnnexp.folder import RunFolder, replace_text
from rnnexp.identity import leaves

# set before MLflow is imported. A server that does not answer must not hold the end of a run up for minutes.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

logging.getLogger("alembic").setLevel(logging.WARNING)
logging.getLogger("mlflow").setLevel(logging.WARNING)

SQLITE = "sqlite:///"
NOT_METRICS = {"epoch", "time"}
NOT_PARAMETERS = "threads", "engine"  # which are found out later, and become tags
BATCH = 1000  # metrics that MLflow takes at a time


def deliver(folder: RunFolder, uri: str) -> None:
    """Bring what MLflow knows of a run up to what the run folder holds.

    Every record goes with the time at which it was taken, so a store that has got it already keeps it as it
    was: what was sent once or was cut off in the middle can be sent again, by anyone.

    Parameters
    ----------
    folder : any run folder that has begun; one that has not is left alone.
    uri : `sqlite:///<file>` or the address of a server.

    Raises
    ------
    whatever a store, a network or a server can.
    """
    with FileLock(folder.path / ".delivery.lock"):
        here = folder.to_deliver(uri)
        if not here:
            return
        before = folder.delivered()
        if before.get("uri") != uri:
            before = {}
        with alone_with(uri) as artifacts:
            client = MlflowClient(uri)
            run_id = before.get("run_id") or new_run(client, folder, uri, artifacts)
            if before.get("status") != here["status"]:
                describe(client, run_id, folder, here["status"])
            new = folder.records()[before.get("epochs", 0) : here["epochs"]]
            points = [point for record in new for point in metrics(record, record["epoch"])]
            if result := folder.result():
                points += metrics(result, here["epochs"])
            for start in range(0, len(points), BATCH):
                client.log_batch(run_id, points[start : start + BATCH])
            if here["ended"]:
                for path in folder.artifacts():
                    client.log_artifact(run_id, str(path))
                client.set_terminated(run_id, here["status"], here["ended"])
        replace_text(folder.delivered_file, json.dumps(here | {"run_id": run_id}) + "\n")


def new_run(client: MlflowClient, folder: RunFolder, uri: str, artifacts: Path | None) -> str:
    """The id of a new MLflow run for a run folder, which keeps it."""
    experiment_id = find_experiment(client, str(folder.load_config()["study"]), artifacts)
    run = client.create_run(experiment_id, folder.state()["started"], run_name=folder.path.name)
    made = {"uri": uri, "run_id": run.info.run_id}
    replace_text(folder.delivered_file, json.dumps(made) + "\n")
    return run.info.run_id


def describe(client: MlflowClient, run_id: str, folder: RunFolder, status: str) -> None:
    """Set status, tags, and those parameters that the run has not got: MLflow keeps their first value."""
    config: Any = OmegaConf.to_container(folder.load_config())
    known = client.get_run(run_id).data.params
    params = [
        Param(key, as_text(value))
        for key, value in leaves(config).items()
        if key not in known and key not in NOT_PARAMETERS
    ]
    tags = {"rnnexp.folder": str(folder.path), "rnnexp.error": folder.state()["error"] or ""}
    named = [RunTag(key, value) for key, value in (folder.tags() | tags).items()]
    client.log_batch(run_id, params=params, tags=named)
    client.update_run(run_id, status)


@contextmanager
def alone_with(uri: str) -> Iterator[Path | None]:
    """Alone with an SQLite store; gives the folder for artifacts beside it, None for other stores.

    Several processes on a fresh file crash in MLflow's migrations, and MLflow leaves SQLite in a
    journal mode in which readers and writers block each other.
    """
    if not uri.startswith(SQLITE):
        yield None
        return
    file = Path(uri.removeprefix(SQLITE))
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"):
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA journal_mode=WAL")
        yield file.parent.absolute() / "artifacts"


def find_experiment(client: MlflowClient, study: str, artifacts: Path | None) -> str:
    """The id of the study's MLflow experiment, made where it does not exist."""
    experiment = client.get_experiment_by_name(study)
    if experiment is None:
        try:
            return client.create_experiment(study, (artifacts / study).as_uri() if artifacts else None)
        except MlflowException:  # made by another run meanwhile, on a server
            experiment = client.get_experiment_by_name(study)
            if experiment is None:
                raise
    return experiment.experiment_id


def tag_of(run_id: str, tag: str, uri: str) -> str | None:
    """A tag of a run; None where the store has no such run, or that has no such tag."""
    try:
        return MlflowClient(uri).get_run(run_id).data.tags.get(tag)
    except MlflowException:
        return None


def metrics(record: dict[str, float], step: int) -> list[Metric]:
    time = int(record["time"])
    return [Metric(key, value, time, step) for key, value in record.items() if key not in NOT_METRICS]


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
