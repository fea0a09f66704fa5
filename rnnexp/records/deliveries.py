"""Keep account of what the stores have of a run, in delivered.json of its folder."""

import json
import logging
from pathlib import Path
from typing import Any

from filelock import FileLock

from rnnexp.records import reading
from rnnexp.records.address import Address
from rnnexp.records.files import replace_text

log = logging.getLogger(__name__)

PATIENCE_S = 60.0  # seconds to wait for another process that delivers the same run


class Deliveries:
    """Record the deliveries of a run, by the address of the store; hold `lock` while delivering."""

    def __init__(self, folder: Path):
        self.file = folder / "delivered.json"
        self.lock = FileLock(folder / ".delivery.lock", timeout=PATIENCE_S)

    def to(self, store: str) -> dict[str, Any]:
        """Return what a store has of the run; empty where it has nothing.

        The keys are `epochs`, `status` and `ended`, and those that a tracker keeps for itself.
        """
        return self.all().get(store, {})

    def note(self, store: str, what: dict[str, Any]) -> None:
        """Record what a store has now."""
        replace_text(self.file, json.dumps(self.all() | {store: what}) + "\n")

    def all(self) -> dict[str, dict[str, Any]]:
        """Return what every store has, by its address."""
        try:
            said = reading.from_json(self.file) or {}
            return {str(Address(store)): what for store, what in said.items()}
        except reading.Damaged as error:  # the stores know by themselves what they have
            log.warning("%s: the stores are asked instead", error)
            return {}

    def forget(self) -> None:
        """Forget all deliveries, so that the run is new to every store."""
        with self.lock:
            self.file.unlink(missing_ok=True)
