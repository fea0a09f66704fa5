"""What the stores have got of a run, as delivered.json of its folder says."""

import json
from pathlib import Path
from typing import Any

from filelock import FileLock

from rnnexp.records.files import replace_text

PATIENCE_S = 60.0  # for another process that delivers the same run


class Deliveries:
    """The deliveries of a run, by the address of the store. Hold `lock` while a store is told."""

    def __init__(self, folder: Path):
        self.file = folder / "delivered.json"
        self.lock = FileLock(folder / ".delivery.lock", timeout=PATIENCE_S)

    def to(self, store: str) -> dict[str, Any]:
        """Return what a store has got; empty where it has nothing.

        The keys `epochs`, `status` and `ended` say how much; a tracker may keep more there for itself.
        """
        return self.all().get(store, {})

    def note(self, store: str, what: dict[str, Any]) -> None:
        """Write down what a store has got now."""
        replace_text(self.file, json.dumps(self.all() | {store: what}) + "\n")

    def all(self) -> dict[str, dict[str, Any]]:
        """Return what every store has got."""
        try:
            return json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def forget(self) -> None:
        """Make the run one that no store knows of."""
        with self.lock:
            self.file.unlink(missing_ok=True)
