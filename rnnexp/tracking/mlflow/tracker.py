"""Bring an MLflow store up to a run folder."""

import json
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from rnnexp.errors import UserError
from rnnexp.records.files import keep_copy
from rnnexp.records.folder import RunFolder
from rnnexp.records.sqlite import file_of, uri_of
from rnnexp.tracking.base import DELETED, DELIVERED, THERE, Tracker
from rnnexp.tracking.mlflow.contents import AT_THE_END, describe, metrics, run_name, step_metrics
from rnnexp.tracking.mlflow.library import alone_with, client_of, find_experiment, library
from rnnexp.tracking.mlflow.sweeps import KEY, find_or_make_parent, update_parent

BATCH = 1000  # metrics that MLflow takes at a time
DELIVERED_TAG = "rnnexp.delivered"  # what a store has of a run, by its own account


class MLflow(Tracker):
    """Deliver to an MLflow store; a record goes with the time it was taken, by which MLflow recognises it."""

    def absolute_uri(self) -> str:
        file = file_of(self.uri)
        return uri_of(file) if file else str(self.uri)

    def may_lack(self, folder: RunFolder) -> bool:
        file = file_of(self.uri)
        gone = file is not None and not file.exists()
        return super().may_lack(folder) or (gone and folder.holds() is not None)

    def folder_of(self, run_id: str) -> Path | None:
        file = file_of(self.uri)
        if file and not file.exists():
            raise UserError(
                f"run={run_id} is no folder, and there is no store {self.uri} to look for such a run in"
            )
        try:
            with self.uri.connected():
                tags = client_of(self.uri).get_run(run_id).data.tags
        except library().exceptions.MlflowException as error:
            # no such id, or none
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            return None
        if "rnnexp.folder" not in tags:
            return None
        path = Path(tags["rnnexp.folder"])
        if path.is_dir():
            return path
        if file:  # the store may have been moved, and the folder with it
            for number in range(1, len(path.parts)):
                moved = RunFolder(file.parent.joinpath(*path.parts[-number:]))
                if moved.config_file.exists() and tags.get(KEY) in moved.store_keys():
                    return moved.path
        raise UserError(
            f"run={run_id} was in {path}, which is gone: name its folder as it is now, run=FOLDER"
        )

    def deliver(self, folder: RunFolder) -> str:
        library()  # now, for the seconds that it takes must not pass between two looks at the folder
        with folder.deliveries.lock:
            here = folder.holds()
            if not here:
                return THERE
            with alone_with(self.uri) as artifacts, self.uri.connected():
                client = client_of(self.uri)
                run = self.find_run(client, folder)
                if run and run.info.lifecycle_stage == "deleted":
                    folder.deliveries.note(self.uri, folder.deliveries.to(self.uri) | here)
                    return DELETED
                run = run or self.new_run(client, folder, artifacts)
                before = delivered(client, run, folder.deliveries.to(self.uri))
                # a run that goes on from before some steps measures them again
                if before.get("steps", 0) > here.get("steps", 0):
                    here["steps"] = before["steps"]
                if new := {key for key in here if before.get(key) != here[key]}:
                    self.bring_up(client, run, folder, here, before, new)
            folder.deliveries.note(self.uri, folder.deliveries.to(self.uri) | here)
            return DELIVERED if new else THERE

    def bring_up(
        self,
        client: Any,
        run: Any,
        folder: RunFolder,
        here: dict[str, Any],
        before: dict[str, Any],
        new: set[str],
    ) -> None:
        """Bring an MLflow run, which has `before`, up to what the run folder holds, `here`; they differ in `new`."""
        run_id, experiment_id = run.info.run_id, run.info.experiment_id
        ends = here["ended"] and "ended" in new
        parent_id = None
        if ends or new & {"status", "about"}:
            parent_id = find_or_make_parent(client, experiment_id, folder)
            describe(client, run_id, folder, here["status"], parent_id)
        epochs = folder.records()[before.get("epochs", 0) : here["epochs"]]
        points = [point for record in epochs for point in metrics(record, record["epoch"])]
        measured = folder.system_metrics()[before.get("system", 0) : here.get("system", 0)]
        for number, record in enumerate(measured, before.get("system", 0)):
            points += metrics(record, number)
        for record in folder.steps():
            if before.get("steps", 0) < record["step"] <= here.get("steps", 0):
                points += step_metrics(record, folder.state()["started"])
        if here["status"] == "FINISHED":
            if not (result := folder.result()):
                raise UserError(f"{folder.result_file} is gone: the command that began the run makes it anew")
            if ends:
                points += metrics(result, AT_THE_END)
        for start in range(0, len(points), BATCH):
            client.log_batch(run_id, points[start : start + BATCH])
        if ends:
            for place, files in folder.artifacts().items():
                for path in files:
                    keep(client, run, path, place)
            client.set_terminated(run_id, here["status"], here["ended"])
        client.set_tag(run_id, DELIVERED_TAG, json.dumps(here))
        if parent_id:
            update_parent(client, experiment_id, parent_id, here["ended"])

    def find_run(self, client: Any, folder: RunFolder) -> Any | None:
        """Return the MLflow run for a run folder, also a deleted one; None where the store has none, or has lost it."""
        before, mlflow = folder.deliveries.to(self.uri), library()
        if "run_id" in before:
            try:
                return client.get_run(before["run_id"])
            except mlflow.exceptions.MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
        experiment = client.get_experiment_by_name(str(folder.load_config()["study"]))
        if not experiment:
            return None
        # delivered under another spelling of the address; or its making was asked for, and not answered
        for key in folder.store_keys():
            if found := client.search_runs(
                [experiment.experiment_id], f"tags.`{KEY}` = '{key}'", mlflow.entities.ViewType.ALL, 1
            ):
                folder.deliveries.note(self.uri, before | {"run_id": found[0].info.run_id})
                return found[0]
        return None

    def new_run(self, client: Any, folder: RunFolder, artifacts: Path | None) -> Any:
        """Make an MLflow run for a run folder, which keeps its id, and return that run.

        The answer of a server that makes the run can get lost. So it has a key, kept before, by which it is found.
        """
        made = {"key": next(iter(folder.store_keys()), uuid.uuid4().hex)}
        folder.deliveries.note(self.uri, made)
        experiment_id = find_experiment(client, str(folder.load_config()["study"]), artifacts, self.uri)
        started, tags = folder.state()["started"], {KEY: made["key"]}
        run = client.create_run(experiment_id, started, tags, run_name=run_name(folder))
        folder.deliveries.note(self.uri, made | {"run_id": run.info.run_id})
        return run


def delivered(client: Any, run: Any, noted: dict[str, Any]) -> dict[str, Any]:
    """Return what a store has of a run by its own account, also where it was replaced by an older copy.

    noted : what was noted beside the run when it was delivered, for a run of a version that kept no such account.
    """
    if said := run.data.tags.get(DELIVERED_TAG):
        return json.loads(said)
    history = client.get_metric_history(run.info.run_id, "valid/loss")
    epochs = len({point.step for point in history})
    found = {"epochs": epochs, "status": run.info.status, "ended": run.info.end_time}
    return noted | found if epochs == noted.get("epochs") else found


def keep(client: Any, run: Any, path: Path, place: str) -> None:
    """Keep a file among the artifacts of a run; weights in a folder of the same disk take no room of their own."""
    to = urlsplit(run.info.artifact_uri)
    if to.scheme != "file":
        client.log_artifact(run.info.run_id, str(path), place)
        return
    # not by MLflow, which remembers for a process where a run's artifacts were before the store was moved
    keep_copy(path, Path(unquote(to.path)) / place / path.name, as_link=path.suffix == ".npz")
