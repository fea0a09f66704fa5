"""Read an MLflow store in an SQLite file by SQL, which takes a tenth of the time of MLflow's own interface.

The file is opened for reading only, so nothing is made, migrated or locked. MLflow documents no tables;
`KNOWN` names what is read of them, and a store that lacks any of it is left to MLflow (`UnknownSchema`).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

KNOWN = {
    "experiments": {"experiment_id", "name", "lifecycle_stage"},
    "runs": {
        *("run_uuid", "experiment_id", "status", "start_time", "end_time"),
        *("lifecycle_stage", "artifact_uri"),
    },
    "params": {"run_uuid", "key", "value"},
    "tags": {"run_uuid", "key", "value"},
    "latest_metrics": {"run_uuid", "key", "value", "is_nan"},
    "metrics": {"run_uuid", "key", "value", "is_nan", "step", "timestamp"},
}
ROWS = 20_000  # fetched at a time, so that no more than these are Python objects


class UnknownSchema(Exception):
    """Say which table or column a store lacks."""


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """Open a store for reading; sqlite3.Error where the file is no database, UnknownSchema where not as known."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as database:
        for table, columns in KNOWN.items():
            found = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
            if not found and table == "experiments":
                raise sqlite3.DatabaseError("it is no store of MLflow: it has no table of experiments")
            if not found:
                raise UnknownSchema(f"it has no table {table}")
            if lacking := columns - found:
                raise UnknownSchema(f"its table {table} has no column {', '.join(sorted(lacking))}")
        yield database


def experiments(database: sqlite3.Connection) -> dict[str, tuple[str, bool]]:
    """Return the id of each experiment, by its name, and whether it is in MLflow's trash."""
    rows = database.execute("SELECT name, experiment_id, lifecycle_stage FROM experiments")
    return {name: (str(number), stage == "deleted") for name, number, stage in rows}


def runs(database: sqlite3.Connection, ids: Sequence[str], stage: str = "active") -> pd.DataFrame:
    """Return what `mlflow.search_runs` does of these experiments, in the order in which the runs started.

    Those of stage "deleted" lie in MLflow's trash.
    """
    chosen, values = _chosen(ids, stage)
    rows = database.execute(
        f"SELECT rowid, run_uuid, experiment_id, status, artifact_uri, start_time, end_time {chosen} "
        "ORDER BY start_time, run_uuid",
        values,
    ).fetchall()
    titles = ["rowid", "run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]
    table = pd.DataFrame(rows, columns=titles)
    place = {row[0]: k for k, row in enumerate(rows)}
    for time in "start_time", "end_time":
        table[time] = pd.to_datetime(table[time].astype("float64"), unit="ms", utc=True)
    table["experiment_id"] = table["experiment_id"].astype(str)
    columns: dict[str, list] = {}
    for name, source in ("metrics", "latest_metrics"), ("params", "params"), ("tags", "tags"):
        value = "CASE WHEN t.is_nan THEN NULL ELSE t.value END" if name == "metrics" else "t.value"
        query = (
            f"SELECT runs.rowid, t.key, {value} FROM {source} t JOIN runs ON runs.run_uuid = t.run_uuid "
            f"WHERE runs.rowid IN (SELECT rowid {chosen})"
        )
        shared: dict[str, str] = {}  # one text for all runs that have it
        for run, key, found in database.execute(query, values):
            title = f"{name}.{key}"
            if title not in columns:
                columns[title] = [np.nan if name == "metrics" else None] * len(rows)
            if found is not None:
                columns[title][place[run]] = shared.setdefault(found, found) if name != "metrics" else found
    return pd.concat([table.drop(columns="rowid"), pd.DataFrame(columns, index=table.index)], axis=1)


def history(database: sqlite3.Connection, ids: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Return every point of these metrics: `run_id metric epoch value`, in the order of their times."""
    chosen, values = _chosen(ids, "active")
    names = [run for (run,) in database.execute(f"SELECT run_uuid {chosen} ORDER BY rowid", values)]
    rowids = np.array([row for (row,) in database.execute(f"SELECT rowid {chosen} ORDER BY rowid", values)])
    wanted = ", ".join(f"(?, {k})" for k in range(len(metrics)))
    cursor = database.execute(
        f"WITH wanted(key, number) AS (VALUES {wanted}) "
        "SELECT runs.rowid, wanted.number, m.step, m.timestamp, "
        "CASE WHEN m.is_nan THEN NULL ELSE m.value END "
        "FROM runs JOIN metrics m ON m.run_uuid = runs.run_uuid JOIN wanted ON wanted.key = m.key "
        f"WHERE runs.rowid IN (SELECT rowid {chosen})",
        [*metrics, *values],
    )
    parts = [np.empty((0, 5))]
    while rows := cursor.fetchmany(ROWS):
        parts.append(np.array(rows, dtype=np.float64))  # None becomes NaN
    points = np.concatenate(parts)
    points = points[np.argsort(points[:, 3], kind="stable")]
    return pd.DataFrame(
        {
            "run_id": pd.Categorical.from_codes(np.searchsorted(rowids, points[:, 0]), pd.Index(names)),
            "metric": pd.Categorical.from_codes(points[:, 1].astype(int), pd.Index(list(metrics))),
            "epoch": points[:, 2].astype(int),
            "value": points[:, 4],
        }
    )


def _chosen(ids: Sequence[str], stage: str) -> tuple[str, list[str]]:
    """Return the end of a query for the runs of experiments, and its values."""
    marks = ", ".join("?" * len(ids))
    return f"FROM runs WHERE lifecycle_stage = ? AND experiment_id IN ({marks})", [stage, *ids]
