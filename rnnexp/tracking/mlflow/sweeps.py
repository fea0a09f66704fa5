"""Hold the runs of a sweep together under a parent run, which has the status of its runs and no metrics.

A sweep is no process here: its parent is found by the key that the labels of its runs name, so a command given
again, a resumed run and a delivery that comes later all find the same one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from rnnexp.errors import UserError
from rnnexp.records.address import Address
from rnnexp.records.folder import RunFolder
from rnnexp.records.sqlite import SQLITE
from rnnexp.tracking.mlflow.library import alone_with, client_of
from rnnexp.tracking.mlflow.store_file import PATIENCE_S

KEY = "rnnexp.key"  # tag by which a run is found whose making was asked for
KIND = "rnnexp.kind"  # tag of a parent, which others are told apart from by it
PARENT = "mlflow.parentRunId"
REPORT = "report"  # folder of a parent's artifacts


def find_or_make_parent(client: Any, experiment_id: str, folder: RunFolder) -> str | None:
    """Return the id of the parent of a run; None where the run belongs to no sweep."""
    sweep = folder.label().get("sweep")
    if not sweep:
        return None
    key = f"sweep-{sweep['key']}"
    with one_at_a_time(folder, client.tracking_uri):
        if found := client.search_runs([experiment_id], f"tags.`{KEY}` = '{key}'", max_results=1):
            return found[0].info.run_id
        named = {KEY: key, KIND: "sweep", "mlflow.note.content": f"`{sweep['command']}`"}
        named |= {"mlflow.source.name": "rnnexp", "mlflow.source.type": "LOCAL"}
        if commit := folder.tags().get("rnnexp.git_commit"):
            named["mlflow.source.git.commit"] = commit
        started = folder.state()["started"]
        return client.create_run(experiment_id, started, named, run_name=sweep["name"]).info.run_id


@contextmanager
def one_at_a_time(folder: RunFolder, uri: str) -> Iterator[None]:
    """Keep the other jobs of a cluster, each of which delivers itself, from making the same parent at a server."""
    if uri.startswith(SQLITE):  # where whoever delivers is alone anyway
        yield
        return
    with FileLock(folder.path.parent / ".parent.lock", timeout=PATIENCE_S):
        yield


def update_parent(client: Any, experiment_id: str, parent_id: str, ended: int | None) -> None:
    """Give a parent the status that its runs have together.

    ended : when the run ended that makes it necessary, in milliseconds since 1970; None: it runs.
    """
    before = client.get_run(parent_id).info
    status = common_status(client, experiment_id, parent_id)
    if status == "RUNNING":
        if before.status != status:
            client.update_run(parent_id, status)
    elif (before.status, before.end_time) != (status, ended):
        client.set_terminated(parent_id, status, max(ended or 0, before.end_time or 0) or None)


def common_status(client: Any, experiment_id: str, parent_id: str) -> str:
    """Return RUNNING where one of a parent's runs does, else how the worst of them ended; a pruned one ended well."""
    for status in "RUNNING", "FAILED", "KILLED":
        wanted = f"tags.`{PARENT}` = '{parent_id}' and attributes.status = '{status}'"
        found = client.search_runs([experiment_id], wanted, max_results=1000 if status == "KILLED" else 1)
        if any("rnnexp.pruned" not in run.data.tags for run in found):
            return status
    return "FINISHED"


def attach_report(study: str, folder: Path, uri: str) -> list[str]:
    """Keep the files of a report, in their folders, with the sweeps of a study; return the ids of their parent runs.

    Raises
    ------
    UserError where the store holds no sweep of the study, or there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder with a report")
    store = Address(uri)
    with alone_with(store), store.connected():
        client = client_of(store)
        experiment = client.get_experiment_by_name(study)
        wanted = f"tags.`{KIND}` = 'sweep'"
        found = client.search_runs([experiment.experiment_id], wanted) if experiment else []
        if not found:
            raise UserError(f"study={study} has no sweep in {store} that a report could go with")
        for run in found:
            client.log_artifacts(run.info.run_id, str(folder), REPORT)
    return [run.info.run_id for run in found]
