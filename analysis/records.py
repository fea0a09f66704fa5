"""Read the recorded runs of studies as pandas tables."""

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnexp.analysis import sqlite
from rnnexp.errors import UserError, about
from rnnexp.records.address import Address, require_address
from rnnexp.records.names import cell_name
from rnnexp.records.sqlite import file_of
from rnnexp.records.trash import InTrash

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

NAMES_BEFORE = {"updates": ["step"]}  # a metric -> what older versions called it
log = logging.getLogger(__name__)
SQLITE = "sqlite:///"
KIND = "tags.rnnexp.kind"
LARGEST = 1e300  # MLflow keeps infinity as a number above it


class NoRecords(UserError):
    """Say that there is nothing to read, and what to do."""


def load_runs(studies: str | Sequence[str], uri: str) -> pd.DataFrame:
    """Return one row a run, in the order they started.

    Parameters
    ----------
    studies : their names, or that of one.

    Returns
    -------
    a table with the columns `run_id experiment_id study status start_time end_time params.* metrics.* tags.*`
    of MLflow. Parameters are text; what a run does not have is missing.

    Raises
    ------
    NoRecords where the store holds no run of a study, UserError where it cannot be read, InTrash.
    """
    names = [studies] if isinstance(studies, str) else list(studies)
    with about(f"uri={uri}"):
        runs, ids = _runs(names, uri)
        runs["study"] = runs["experiment_id"].map(ids)
        if KIND in runs:  # the parents of sweeps, which are no runs
            runs = runs[runs[KIND].isna()].reset_index(drop=True)
        for name in names:
            if not (runs["study"] == name).any():
                raise NoRecords(f"study={name} has no runs{_beside(name, uri)}")
        metrics = [str(column) for column in runs.columns if str(column).startswith("metrics.")]
        runs[metrics] = runs[metrics].mask(runs[metrics] > LARGEST, np.inf)
        name_cells(runs)
    return runs


def name_cells(runs: pd.DataFrame) -> None:
    """Give each run's cell, in place, the name that conf/cell/ has for it."""
    column, option = "params.cell.name", "params.cell.forget_bias"
    if {column, option} <= {*runs.columns}:
        named = [cell_name(name, {"forget_bias": bias}) for name, bias in zip(runs[column], runs[option])]
        runs[column] = named


def load_deleted(studies: Sequence[str], uri: str) -> pd.DataFrame:
    """Return what `load_runs` does, of the runs that somebody has deleted in MLflow; empty where nobody has."""
    with about(f"uri={uri}"):
        return _runs(list(studies), uri, "deleted")[0]


def _runs(names: list[str], uri: str, stage: str = "active") -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the runs of studies, by SQL where that is possible, and the studies' names by id."""
    if not uri.startswith(SQLITE):
        return _runs_of_mlflow(names, uri, stage)
    file = _file(uri)
    try:
        with _open(file, uri) as database:
            ids = _ids(sqlite.experiments(database), names, uri)
            return sqlite.runs(database, list(ids), stage), ids
    except sqlite.UnknownSchema as unknown:
        log.warning(f"{file}: {unknown}, which this version knows: read by MLflow, slower")
        return _runs_of_mlflow(names, uri, stage)


def load_history(runs: pd.DataFrame, metrics: Sequence[str], uri: str) -> pd.DataFrame:
    """Return one row for each epoch of each run: `run_id`, `epoch`, and a column for each metric recorded.

    What was recorded twice of an epoch counts as it was recorded last.
    """
    with about(f"uri={uri}"):
        return _history(runs, metrics, uri)


def _history(runs: pd.DataFrame, metrics: Sequence[str], uri: str) -> pd.DataFrame:
    ids = list(runs["experiment_id"].unique())
    name_now = {name: metric for metric in metrics for name in (metric, *NAMES_BEFORE.get(metric, ()))}
    points: pd.DataFrame | None = None
    if uri.startswith(SQLITE):
        try:
            with _open(_file(uri), uri) as database:
                points = sqlite.history(database, ids, list(name_now))
        except sqlite.UnknownSchema:
            pass
    if points is None:
        points = _history_of_mlflow(runs["run_id"], list(name_now), uri)
    points = points[points["run_id"].isin(runs["run_id"])]
    points["metric"] = points["metric"].map(name_now)
    points = points.drop_duplicates(["run_id", "metric", "epoch"], keep="last")
    table = points.set_index(["run_id", "epoch", "metric"])["value"].unstack("metric").reset_index()
    table.columns = pd.Index([str(column) for column in table.columns])
    table["run_id"] = table["run_id"].astype(object)
    table = table.sort_values(["run_id", "epoch"], ignore_index=True)
    values = [str(column) for column in table.columns if column not in ("run_id", "epoch")]
    table[values] = table[values].mask(table[values] > LARGEST, np.inf)
    for metric in metrics:
        if metric not in table:
            table[metric] = pd.Series(dtype=float)
    return table


def _beside(study: str, uri: str) -> str:
    """Return what brings the run folders of a study into the store, where there are any in their usual place."""
    folder = Path("runs", study)
    if not (number := len(list(folder.glob("*/config.yaml")))):
        return ""
    return f": {folder} holds {number} run folders, which rnnexp sync {folder} uri={uri} brings there"


def _file(uri: str) -> Path:
    file = file_of(uri) or Path(uri)
    if not file.exists():
        raise NoRecords(
            f"uri={uri} holds no records: {file} does not exist; run something first, or name another"
        )
    return file


def _open(file: Path, uri: str) -> Any:
    if not file.is_file():
        raise UserError(f"uri={uri} cannot be read: {file} is no file")
    return sqlite.opened(file)


def _ids(known: dict[str, tuple[str, bool]], names: Iterable[str], uri: str) -> dict[str, str]:
    """Return the studies' names by their ids; `known` has the id by name, and whether it is in the trash."""
    for name in names:
        if name not in known:
            there = ", ".join(
                sorted(n for n, (_, deleted) in known.items() if not deleted and n != "Default")
            )
            raise NoRecords(f"study={name} has no records{_beside(name, uri)}; there are: {there or 'none'}")
        number, deleted = known[name]
        if deleted:
            raise InTrash(name, number, uri)
    return {known[name][0]: name for name in names}


def _client(uri: str) -> Any:
    from mlflow.tracking import MlflowClient  # seconds

    require_address("uri", uri)
    # absolute, for MLflow keeps the stores it has opened by their addresses, wherever they were opened
    store = Address(f"{SQLITE}{_file(uri).absolute()}" if uri.startswith(SQLITE) else uri)
    os.environ.update(store.credentials())
    store.require_answer()
    return MlflowClient(store.to_connect())


def _runs_of_mlflow(names: list[str], uri: str, stage: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return runs, and the studies' names by id, by MLflow's own interface."""
    import mlflow

    client = _client(uri)
    mlflow.set_tracking_uri(client.tracking_uri)
    known = client.search_experiments(mlflow.entities.ViewType.ALL)
    ids = _ids({e.name: (e.experiment_id, e.lifecycle_stage == "deleted") for e in known}, names, uri)
    view = mlflow.entities.ViewType.from_string(f"{stage}_only")
    runs = mlflow.search_runs(list(ids), run_view_type=view, order_by=["attributes.start_time ASC"])
    if runs.empty:
        runs = pd.DataFrame({"run_id": [], "experiment_id": [], "status": []}, dtype=object)
    return runs, ids


def _history_of_mlflow(run_ids: Iterable[str], metrics: Sequence[str], uri: str) -> pd.DataFrame:
    """Return what `sqlite.history` does, by MLflow's own interface: a question a run and metric."""
    client = _client(uri)
    rows = [
        (run_id, metric, point.step, point.value, point.timestamp)
        for run_id in run_ids
        for metric in metrics
        for point in client.get_metric_history(run_id, metric)
    ]
    table = pd.DataFrame(rows, columns=["run_id", "metric", "epoch", "value", "time"])
    return table.sort_values("time", kind="stable").drop(columns="time")
