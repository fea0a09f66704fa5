"""What a run tells the world. Every tracker has the three methods of `NullTracker`."""

from pathlib import Path
from typing import Any, Protocol


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
