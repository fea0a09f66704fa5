"""Bring an MLflow store up to a run folder."""

import uuid
from pathlib import Path
from typing import Any

from rnnexp.errors import UserError
from rnnexp.records.folder import RunFolder
from rnnexp.tracking.base import Tracker
from rnnexp.tracking.mlflow.contents import AT_THE_END, describe, metrics, run_name
from rnnexp.tracking.mlflow.library import SQLITE, alone_with, find_experiment, library
from rnnexp.tracking.mlflow.sweeps import KEY, find_or_make_parent, update_parent

BATCH = 1000  # metrics that MLflow takes at a time


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
            with self.uri.connected() as uri:
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
            with alone_with(self.uri) as artifacts, self.uri.connected() as uri:
                client = mlflow.tracking.MlflowClient(uri)  # makes the store where there is none
                run_id = self.find_run(client, folder) or self.new_run(client, folder, artifacts)
                self.bring_up(client, run_id, folder, here)
            folder.deliveries.note(self.uri, folder.deliveries.to(self.uri) | here)

    def bring_up(self, client: Any, run_id: str, folder: RunFolder, here: dict[str, Any]) -> None:
        """Bring an MLflow run up to what the run folder holds, `here`."""
        before = folder.deliveries.to(self.uri)
        news = {key for key in here if here[key] != before.get(key)}
        ends = here["ended"] and "ended" in news
        experiment_id = client.get_run(run_id).info.experiment_id
        parent_id = None
        if ends or news & {"status", "about"}:
            parent_id = find_or_make_parent(client, experiment_id, folder)
            describe(client, run_id, folder, here["status"], parent_id)
        new = folder.records()[before.get("epochs", 0) : here["epochs"]]
        points = [point for record in new for point in metrics(record, record["epoch"])]
        measured = folder.system_metrics()[before.get("system", 0) : here.get("system", 0)]
        for number, record in enumerate(measured, before.get("system", 0)):
            points += metrics(record, number)
        if ends and here["status"] == "FINISHED" and (result := folder.result()):
            points += metrics(result, AT_THE_END)
        for start in range(0, len(points), BATCH):
            client.log_batch(run_id, points[start : start + BATCH])
        if ends:
            for place, files in folder.artifacts().items():
                for path in files:
                    client.log_artifact(run_id, str(path), place)
            client.set_terminated(run_id, here["status"], here["ended"])
        if parent_id:
            update_parent(client, experiment_id, parent_id, here["ended"])

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
        run = client.create_run(experiment_id, started, tags, run_name=run_name(folder))
        folder.deliveries.note(self.uri, made | {"run_id": run.info.run_id})
        return run.info.run_id
