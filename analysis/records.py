"""Read the recorded runs of a study as pandas tables."""

import os
from pathlib import Path

import pandas as pd

from rnnexp.errors import UserError
from rnnexp.records.address import Address

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

SQLITE = "sqlite:///"


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
    file = Path(uri.removeprefix(SQLITE))
    if uri.startswith(SQLITE) and not file.exists():
        raise NoRecords(
            f"uri={uri} holds no records: {file} does not exist; run something first, or name another"
        )
    import mlflow  # seconds
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    # absolute, for MLflow keeps the stores it has opened by their addresses, wherever they were opened
    store = Address(f"{SQLITE}{file.absolute()}" if uri.startswith(SQLITE) else uri)
    os.environ.update(store.credentials())
    try:
        mlflow.set_tracking_uri(store.to_connect())
        experiment = mlflow.get_experiment_by_name(study)
        known = sorted(e.name for e in mlflow.search_experiments() if e.name != "Default")
    except (MlflowException, SQLAlchemyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise NoRecords(f"uri={uri} cannot be read: {reason}") from error
    if experiment is None:
        raise NoRecords(f"study={study} has no records; there are: {', '.join(known) or 'none'}")
    runs = mlflow.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    if runs.empty:
        raise NoRecords(f"study={study} has no runs")
    return runs


def load_history(runs: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """Return one row for each epoch of each run: `run_id`, `epoch`, and a column for each metric."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    rows = [
        {"run_id": run_id, "metric": metric, "epoch": point.step, "value": point.value}
        for run_id in runs["run_id"]
        for metric in metrics
        for point in client.get_metric_history(run_id, metric)
    ]
    if not rows:
        return pd.DataFrame(columns=["run_id", "epoch", *metrics])
    table = pd.DataFrame(rows).pivot_table(index=["run_id", "epoch"], columns="metric", values="value")
    return table.reset_index()
