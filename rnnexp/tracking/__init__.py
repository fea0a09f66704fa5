"""What a run tells the world. Every tracker has the two methods of `NullTracker`."""

from pathlib import Path
from typing import Protocol

from rnnexp.errors import UserError


class Tracker(Protocol):
    def changed(self, folder: Path) -> None:
        """There is something new in a run folder."""

    def wait(self) -> None:
        """Until all that is new is delivered, or cannot be."""


class NullTracker:
    """Tells nobody, so that no caller has to ask whether there is a tracker."""

    def changed(self, folder: Path) -> None:
        pass

    def wait(self) -> None:
        pass


def make(name: str) -> Tracker:
    """The tracker that the config names."""
    if name == "none":
        return NullTracker()
    from rnnexp.tracking.client import Background  # here, for the process it starts imports this package

    return Background()


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
