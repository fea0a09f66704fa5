"""Say what MLflow holds of a run: its parameters, tags and metrics, and the data set that it was made on."""

import json
from pathlib import Path
from typing import Any

from rnnexp.records.digests import leaves
from rnnexp.records.folder import RunFolder
from rnnexp.tracking.mlflow.library import library

NOT_METRICS = {"epoch", "time"}
AT_THE_END = 0  # step of the final metrics: MLflow draws bars of metrics that have no other
DIGEST = 16  # hex digits that MLflow keeps of a data set's sha256, for it takes 36 at most


def describe(client: Any, run_id: str, folder: RunFolder, status: str, parent_id: str | None) -> None:
    """Set name, status, tags, data set, and the parameters that the run does not have yet.

    MLflow keeps the first value of a parameter, and every data set that it was told of.

    parent_id : the MLflow run that holds the runs of its sweep together; None: it belongs to no sweep.
    """
    run, param, tag = client.get_run(run_id), library().entities.Param, library().entities.RunTag
    known = run.data.params
    params = [param(key, value) for key, value in parameters(folder).items() if key not in known]
    named = tags(folder) | ({"mlflow.parentRunId": parent_id} if parent_id else {})
    client.log_batch(run_id, params=params, tags=[tag(key, value) for key, value in named.items()])
    data = data_set(folder)
    if data and data.digest not in [used.dataset.digest for used in run.inputs.dataset_inputs]:
        context = library().entities.InputTag("mlflow.data.context", "train, valid, test")
        client.log_inputs(run_id, [library().entities.DatasetInput(data, [context])])
    unnamed = run.info.run_name == folder.path.name  # else somebody may have renamed it
    client.update_run(run_id, status, run_name(folder) if unnamed else None)


def run_name(folder: RunFolder) -> str:
    """Return the name of the MLflow run: what varies, or of older runs the name of the folder."""
    return folder.label().get("name", folder.path.name)


def parameters(folder: RunFolder) -> dict[str, str]:
    """Return the parameters of a run; sizes that are solved for are there once the run knows them."""
    config = folder.load_config()
    values = leaves(config)
    if config["model"].get("match_params"):
        size = folder.tags().get("rnnexp.hidden_size")
        for key in ["model.hidden_size"] + ["model.embed_size"] * config["model"]["tie_weights"]:
            values.pop(key, None)
            if size is not None:
                values[key] = size
    left_out = not_parameters(folder)
    return {key: as_text(value) for key, value in values.items() if key not in left_out}


def not_parameters(folder: RunFolder) -> list[str]:
    """Return the config keys that are no parameters of a run: those it records, or those that older runs had."""
    if (recorded := folder.tags().get("rnnexp.not_parameters")) is not None:
        return recorded.split(",")
    return ["device", "threads", "engine"] + ([] if folder.load_config().get("tf32") else ["tf32"])


def tags(folder: RunFolder) -> dict[str, str]:
    """Return the tags of a run, with those from which MLflow shows source and version."""
    own = folder.tags()
    found = own | {"rnnexp.folder": str(folder.path), "rnnexp.error": folder.state()["error"] or ""}
    found |= {"mlflow.source.name": "rnnexp", "mlflow.source.type": "LOCAL"}
    if commit := own.get("rnnexp.git_commit"):
        found["mlflow.source.git.commit"] = commit
    return found


def data_set(folder: RunFolder) -> Any | None:
    """Return the data set of a run as MLflow has it; None where the run has not read it yet."""
    sha256 = folder.tags().get("rnnexp.data_digest")
    if not sha256:
        return None
    section = folder.load_config()["dataset"]
    name, place = section["name"], section.get("path") or section.get("dir")
    if place:
        kind, source = "local", {"uri": place}
    elif "url" in section:
        kind, source = "http", {"url": section["url"]}
    else:  # made by the program
        kind, source = "code", {"tags": {"mlflow.source.name": f"rnnexp dataset={name}"}}
    if section.get("path"):
        name = Path(section["path"]).name
    return library().entities.Dataset(name, sha256[:DIGEST], kind, json.dumps(source))


def metrics(record: dict[str, float], step: int) -> list[Any]:
    """Return a record as MLflow's metrics, with the time at which it was taken."""
    metric, time = library().entities.Metric, int(record["time"])
    return [metric(key, value, time, step) for key, value in record.items() if key not in NOT_METRICS]


def step_metrics(record: dict[str, float], started: int) -> list[Any]:
    """Return what was measured within an epoch as MLflow's metrics, with names of their own and the step.

    started : the time to say of lines of an earlier version, which kept none.
    """
    measured = {f"steps/{key}": value for key, value in record.items() if key not in ("step", "time")}
    return metrics(measured | {"time": record.get("time", started)}, int(record["step"]))


def as_text(value: Any) -> str:
    """Return a value as the text that MLflow keeps."""
    return value if isinstance(value, str) else json.dumps(value)
