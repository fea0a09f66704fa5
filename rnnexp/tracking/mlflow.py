"""Records in MLflow: one run a run folder, in the MLflow experiment of its study."""

import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

# set before MLflow is imported. A server that does not answer must not hold the end of a run up for minutes.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)
logging.getLogger("alembic").setLevel(logging.WARNING)
logging.getLogger("mlflow").setLevel(logging.WARNING)

SQLITE = "sqlite:///"
NOT_METRICS = {"epoch", "time"}


class MlflowTracker:
    """Sends what a run records to an MLflow store.

    Training never depends on the store: when it fails, a warning says so, the run goes on, and the
    records stay in `records.jsonl` of the run folder. What could not be sent is tried again at the end.

    Parameters
    ----------
    uri : `sqlite:///<file>` or the address of a server.
    study : the MLflow experiment; made where it does not exist.
    folder : the run folder, which keeps the id of the MLflow run.
    """

    def __init__(self, uri: str, study: str, folder: Path):
        self.uri, self.study, self.folder = uri, study, folder
        self.client: MlflowClient | None = None
        self.run_id = ""
        self.unsent: list[dict] = []
        self.sent: set[int] = set()  # epochs
        self.failed = False

    def start(self, params, tags, records):
        self.params, self.tags = params, tags
        self.unsent = list(records)
        self.attempt(self.send)

    def epoch(self, record):
        self.unsent.append(record)
        if not self.failed:
            self.attempt(self.send)

    def finish(self, status, metrics, tags, artifacts):
        self.attempt(lambda: self.end(status, metrics, tags, artifacts))

    def attempt(self, action: Callable[[], None]) -> None:
        """Run an action on the store; a failure is a warning, the first time."""
        try:
            action()
        except Exception as error:  # whatever a store, a network or a server can raise
            if not self.failed:
                log.warning(
                    "tracking.uri=%s does not take the records (%s): the run goes on, they are in %s",
                    self.uri,
                    str(error).strip().partition("\n")[0],
                    self.folder / "records.jsonl",
                )
            self.failed = True

    def send(self) -> None:
        """Send every record that the store has not got yet, one batch an epoch."""
        client = self.connected()
        while self.unsent:
            record = self.unsent[0]
            # after a crash an epoch can come again; a store would keep it twice
            if record["epoch"] not in self.sent:
                client.log_batch(self.run_id, metrics(record, record["time"], record["epoch"]))
                self.sent.add(record["epoch"])
            self.unsent.pop(0)

    def end(
        self, status: str, summary: dict[str, float], tags: dict[str, str], artifacts: list[Path]
    ) -> None:
        self.send()
        client = self.connected()
        client.log_batch(
            self.run_id,
            metrics(summary, int(summary.get("time", 0)), max(self.sent, default=0)),
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        client.set_terminated(self.run_id, status)
        for path in artifacts:
            client.log_artifact(self.run_id, str(path))

    def connected(self) -> MlflowClient:
        """The client, once the store, the experiment and the run are there."""
        if self.client is None:
            with store_lock(self.uri) as artifacts:
                client = MlflowClient(self.uri)
                experiment_id = find_experiment(client, self.study, artifacts)
            kept = self.folder / "mlflow_run_id"
            if kept.exists():
                self.run_id = kept.read_text(encoding="utf-8")
                client.update_run(self.run_id, "RUNNING")
                client.set_tag(self.run_id, "rnnexp.error", "")  # of an earlier attempt
                self.sent = {metric.step for metric in client.get_metric_history(self.run_id, "epoch_s")}
            else:
                self.run_id = client.create_run(experiment_id, run_name=self.folder.name).info.run_id
                part = kept.with_suffix(".part")  # there as a whole or not at all
                part.write_text(self.run_id, encoding="utf-8")
                part.replace(kept)
            # on resume too: the same values again are no change, and a crash may have come before them
            client.log_batch(
                self.run_id,
                params=[Param(key, as_text(value)) for key, value in self.params.items()],
                tags=[RunTag(key, value) for key, value in self.tags.items()],
            )
            self.client = client
        return self.client


@contextmanager
def store_lock(uri: str) -> Iterator[Path | None]:
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


def metrics(record: dict[str, float], time_ms: int, step: int) -> list[Metric]:
    return [Metric(key, value, time_ms, step) for key, value in record.items() if key not in NOT_METRICS]


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
