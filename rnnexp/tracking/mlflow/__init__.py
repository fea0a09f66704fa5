"""Keep records in MLflow: one MLflow run for each run folder, in the MLflow experiment of its study.

library    imports MLflow, and keeps others from an SQLite store
contents   says what MLflow holds of a run: parameters, tags, metrics, its data set
sweeps     holds the runs of a sweep together under a parent run, to which a report can be attached
tracker    brings a store up to a run folder
"""

from typing import Annotated

from rnnexp.errors import UserError
from rnnexp.options import Option
from rnnexp.records.address import require_address
from rnnexp.tracking.base import TIMEOUT_S, Timeout, Tracker, Uri
from rnnexp.tracking.mlflow.tracker import MLflow


def make(
    uri: Uri = None,
    system_metrics: Annotated[
        bool,
        Option(
            "true: record every 10 s what the machine does, as MLflow's system metrics",
            defines_result=False,
            since_default=False,
        ),
    ] = False,
    timeout: Timeout = TIMEOUT_S,
) -> Tracker:
    """Return the tracker of an MLflow store: `sqlite:///<file>`, or the address of a server."""
    if not uri:
        raise UserError("tracking.uri has no value: name an MLflow store, or choose tracking=none")
    require_address("uri", uri)
    return MLflow(uri, system_metrics, timeout)
