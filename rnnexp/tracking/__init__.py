"""What a run tells the world. Every tracker has the three methods of `NullTracker`."""

from pathlib import Path
from typing import Any, Protocol

from rnnexp.errors import UserError


class Tracker(Protocol):
    def start(self, params: dict[str, Any], tags: dict[str, str], records: list[dict]) -> None:
        """The run begins, or goes on: `records` are the epochs it has behind it."""

    def epoch(self, record: dict[str, float]) -> None:
        """An epoch ended."""

    def finish(
        self, status: str, metrics: dict[str, float], tags: dict[str, str], artifacts: list[Path]
    ) -> None:
        """The run ended: FINISHED, FAILED or KILLED."""


class NullTracker:
    """Tells nobody, so that no caller has to ask whether there is a tracker."""

    def start(self, params, tags, records):
        pass

    def epoch(self, record):
        pass

    def finish(self, status, metrics, tags, artifacts):
        pass


def make(name: str, uri: str | None, study: str, folder: Path) -> Tracker:
    """The tracker that the config names."""
    if name == "none":
        return NullTracker()
    from rnnexp.tracking.background import Background  # here, for the process it starts imports this package

    assert uri is not None
    return Background(uri, study, folder)


def folder_of(run_id: str, uri: str) -> Path:
    """The run folder of an MLflow run; UserError where there is none."""
    file = uri.partition("sqlite:///")[2]
    if file and not Path(file).exists():
        raise UserError(f"run={run_id} is no folder, and there is no store {uri} to look for such a run in")
    from rnnexp.tracking.mlflow import tag_of  # mlflow takes seconds to import

    folder = tag_of(run_id, "rnnexp.folder", uri)
    if folder is None:
        raise UserError(f"run={run_id} is neither a run folder nor the id of a run in {uri}")
    return Path(folder)
