"""Take from the last checkpoint what a damaged or lost file of a run folder had."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnnexp.errors import UserError
from rnnexp.records import checkpoint, reading
from rnnexp.records.lease import LeasedFolder

log = logging.getLogger(__name__)


class RecoveredFolder(LeasedFolder):
    """Read files of a folder whose last checkpoint keeps a copy of what they say.

    Attributes
    ----------
    recovered : the names of what was read from the checkpoint, because its file is damaged or gone.
    """

    def __init__(self, path: Path):
        super().__init__(path)
        self.checkpoint_file = path / "last.npz"
        self.recovered: set[str] = set()

    def kept(self) -> tuple[dict[str, Any], int]:
        """Return what the last checkpoint keeps, and the epochs that were done by then."""
        meta = checkpoint.read_meta(self.checkpoint_file) or {}
        done = max(meta.get("progress", {}).get("epoch", 0), self.state().get("epochs", 0))
        return meta.get("kept", {}), done

    def intact(self, name: str, read: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
        """Return what `read` finds; where the file is damaged or gone, what the last checkpoint keeps of it.

        Raises
        ------
        Damaged where the file is, and no checkpoint keeps it.
        """
        damage = None
        try:
            if (found := read()) is not None:
                return found
        except reading.Damaged as error:
            damage = error
        kept = self.kept()[0].get(name)
        if kept is not None:
            self.recover(name, str(damage or f"{self.path} has lost its {name}"))
        elif damage:
            raise damage
        return kept

    def intact_records(self, file: Path) -> list[dict[str, Any]]:
        """Return the records of the epochs so far, those that the last checkpoint knows of among them.

        Raises
        ------
        UserError where some are lost.
        """
        kept, done = self.kept()  # before the file, to which a running process adds before it saves
        try:
            found, damage = reading.json_lines(file), ""
            if any(record.get("epoch") != number for number, record in enumerate(found, 1)):
                damage = f"{file} is damaged (its epochs are not 1, 2, 3 and on)"
        except reading.Damaged as error:
            found, damage = [], str(error)
        if not damage and len(found) >= done:
            return found
        damage = damage or f"{file} is damaged (it ends after {len(found)} of {done} epochs)"
        records = kept.get("records", [])
        if len(records) < max(done, 1):
            raise UserError(f"{damage}: no checkpoint has its records; rerun=true makes a new run")
        self.recover("records", damage)
        return records

    def recover(self, name: str, damage: str) -> None:
        """Say, once, that what a damaged file had is taken from the last checkpoint."""
        if name not in self.recovered:
            log.warning(f"{damage}: taken from {self.checkpoint_file.name}")
        self.recovered.add(name)
