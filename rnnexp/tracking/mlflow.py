"""Keep records in MLflow: one MLflow run for each run folder, in the MLflow experiment of its study."""

import json
import logging
import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from rnnexp.errors import UserError
from rnnexp.records.digests import leaves
from rnnexp.records.folder import RunFolder
from rnnexp.tracking.base import Tracker, Uri

SQLITE = "sqlite:///"
NOT_METRICS = {"epoch", "time"}
BATCH = 1000  # metrics that MLflow takes at a time
KEY = "rnnexp.key"  # tag by which a run is found whose making was asked for
PATIENCE_S = 60.0  # seconds to wait for another process that is at the same store


def make(uri: Uri = None) -> Tracker:
    """Return the tracker of an MLflow store: `sqlite:///<file>`, or the address of a server."""
    if not uri:
        raise UserError("tracking.uri has no value: name an MLflow store, or choose tracking=none")
    return MLflow(uri)


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


class MLflow(Tracker):
    """Deliver to an MLflow store; a record goes with the time it was taken, by which MLflow recognises it."""

    def absolute_uri(self) -> str:
        if not self.uri.startswith(SQLITE):
            return str(self.uri)
        return SQLITE + str(Path(self.uri.removeprefix(SQLITE)).absolute())

    def folder_of(self, run_id: str) -> Path | None:
        file = self.uri.removeprefix(SQLITE)
        if self.uri.startswith(SQLITE) and not Path(file).exists():
            raise UserError(
                f"run={run_id} is no folder, and there is no store {self.uri} to look for such a run in"
            )
        mlflow = library()
        try:
            with self.connected() as uri:
                tags = mlflow.tracking.MlflowClient(uri).get_run(run_id).data.tags
        except mlflow.exceptions.MlflowException:
            return None
        return Path(tags["rnnexp.folder"]) if "rnnexp.folder" in tags else None

    def deliver(self, folder: RunFolder) -> None:
        mlflow = library()  # now, for the seconds that it takes must not pass between two looks at the folder
        with folder.deliveries.lock:
            here = folder.to_deliver(self.uri)
            if not here:
                return
            with alone_with(self.uri) as artifacts, self.connected() as uri:
                client = mlflow.tracking.MlflowClient(uri)  # makes the store where there is none
                run_id = self.find_run(client, folder) or self.new_run(client, folder, artifacts)
                before = folder.deliveries.to(self.uri)
                if here["ended"] or before.get("status") != here["status"]:
                    describe(client, run_id, folder, here["status"])
                new = folder.records()[before.get("epochs", 0) : here["epochs"]]
                points = [point for record in new for point in metrics(record, record["epoch"])]
                # the final metrics belong to the last epoch, which is known once all are there
                if here["status"] == "FINISHED" and (result := folder.result()):
                    points += metrics(result, here["epochs"])
                for start in range(0, len(points), BATCH):
                    client.log_batch(run_id, points[start : start + BATCH])
                if here["ended"]:
                    for path in folder.artifacts():
                        client.log_artifact(run_id, str(path))
                    client.set_terminated(run_id, here["status"], here["ended"])
            folder.deliveries.note(self.uri, before | here)

    def find_run(self, client: Any, folder: RunFolder) -> str | None:
        """Return the id of the MLflow run for a run folder; None where the store has none, or has lost it."""
        before = folder.deliveries.to(self.uri)
        try:
            if "run_id" in before:
                return client.get_run(before["run_id"]).info.run_id
        except library().exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        experiment = client.get_experiment_by_name(str(folder.load_config()["study"])) if before else None
        if not experiment:
            return None
        # a process asked for the run and did not learn whether it was made
        found = client.search_runs([experiment.experiment_id], f"tags.`{KEY}` = '{before['key']}'")
        if not found:
            return None
        folder.deliveries.note(self.uri, before | {"run_id": found[0].info.run_id})
        return found[0].info.run_id

    def new_run(self, client: Any, folder: RunFolder, artifacts: Path | None) -> str:
        """Make an MLflow run for a run folder, which keeps its id, and return that.

        The answer of a server that makes the run can get lost. So a key is kept first, by which the run is found.
        """
        made = {"key": uuid.uuid4().hex}
        folder.deliveries.note(self.uri, made)
        experiment_id = find_experiment(client, str(folder.load_config()["study"]), artifacts)
        started, tags = folder.state()["started"], {KEY: made["key"]}
        run = client.create_run(experiment_id, started, tags, run_name=folder.path.name)
        folder.deliveries.note(self.uri, made | {"run_id": run.info.run_id})
        return run.info.run_id


def describe(client: Any, run_id: str, folder: RunFolder, status: str) -> None:
    """Set status, tags, and the parameters that the run does not have yet: MLflow keeps their first value."""
    entities, known = library().entities, client.get_run(run_id).data.params
    left_out = not_parameters(folder)
    params = [
        entities.Param(key, as_text(value))
        for key, value in leaves(folder.load_config()).items()
        if key not in known and key not in left_out
    ]
    tags = {"rnnexp.folder": str(folder.path), "rnnexp.error": folder.state()["error"] or ""}
    named = [entities.RunTag(key, value) for key, value in (folder.tags() | tags).items()]
    client.log_batch(run_id, params=params, tags=named)
    client.update_run(run_id, status)


def not_parameters(folder: RunFolder) -> list[str]:
    """Return the config keys that are no parameters of a run: those it records, or those that older runs had."""
    if (recorded := folder.tags().get("rnnexp.not_parameters")) is not None:
        return recorded.split(",")
    return ["device", "threads", "engine"] + ([] if folder.load_config().get("tf32") else ["tf32"])


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


def metrics(record: dict[str, float], step: int) -> list[Any]:
    """Return a record as MLflow's metrics, with the time at which it was taken."""
    metric, time = library().entities.Metric, int(record["time"])
    return [metric(key, value, time, step) for key, value in record.items() if key not in NOT_METRICS]


def as_text(value: Any) -> str:
    """Return a value as the text that MLflow keeps."""
    return value if isinstance(value, str) else json.dumps(value)
