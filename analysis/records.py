"""Read the recorded runs of a study as pandas tables."""

import os

import pandas as pd

from rnnexp.errors import UserError
from rnnexp.records.sqlite import file_of, for_sqlalchemy

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

NAMES_BEFORE = {"updates": ["step"]}  # a metric -> what older versions called it


class NoRecords(UserError):
    """Say that there is nothing to read, and what to do."""


def load_runs(study: str, uri: str) -> pd.DataFrame:
    """Return one row a run, in the order they started.

    Returns
    -------
    a table with the columns `run_id status start_time params.* metrics.* tags.*` of MLflow. Parameters
    are text; one that a run does not have is missing.

    Raises
    ------
    NoRecords where the store cannot be read, or holds no run of the study.
    """
    file = file_of(uri)
    if file and not file.exists():
        raise NoRecords(
            f"uri={uri} holds no records: {file} does not exist; run something first, or name another"
        )
    import mlflow  # seconds
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    # absolute, for MLflow keeps the stores it has opened by their addresses, wherever they were opened
    store = for_sqlalchemy(file) if file else uri
    try:
        mlflow.set_tracking_uri(store)
        experiment = mlflow.get_experiment_by_name(study)
        known = sorted(e.name for e in mlflow.search_experiments() if e.name != "Default")
    except (MlflowException, SQLAlchemyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise NoRecords(f"uri={uri} cannot be read: {reason}") from error
    if experiment is None:
        raise NoRecords(f"study={study} has no records; there are: {', '.join(known) or 'none'}")
    runs = mlflow.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    if "tags.rnnexp.kind" in runs:  # what holds the runs of a sweep together is none itself
        runs = runs[runs["tags.rnnexp.kind"] != "sweep"].reset_index(drop=True)
    if runs.empty:
        raise NoRecords(f"study={study} has no runs")
    return runs


def deleted_runs(study: str) -> list[str]:
    """Return the names of the runs of a study that were deleted by hand in the store that `load_runs` has opened."""
    import mlflow
    from mlflow.entities import ViewType

    experiment = mlflow.get_experiment_by_name(study)
    assert experiment
    found = mlflow.search_runs([experiment.experiment_id], run_view_type=ViewType.DELETED_ONLY)
    return sorted(found["tags.mlflow.runName"]) if len(found) else []


def load_history(runs: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """Return one row for each epoch of each run: `run_id`, `epoch`, and a column for each metric."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    rows = [
        {"run_id": run_id, "metric": metric, "epoch": point.step, "value": point.value}
        for run_id in runs["run_id"]
        for metric in metrics
        for name in (metric, *NAMES_BEFORE.get(metric, ()))
        for point in client.get_metric_history(run_id, name)
    ]
    if not rows:
        return pd.DataFrame(columns=["run_id", "epoch", *metrics])
    table = pd.DataFrame(rows).pivot_table(index=["run_id", "epoch"], columns="metric", values="value")
    return table.reset_index()
