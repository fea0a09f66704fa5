"""Handle one job of a sweep: start its process, ask it to stop, and find out how it went."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnexp.errors import Diverged, UserError, one_line
from rnnexp.experiment import artifacts, divergence, progress
from rnnexp.experiment.config_hash import hashes
from rnnexp.experiment.recorded import require_same_engine
from rnnexp.output import safe
from rnnexp.records.files import ELSEWHERE, make_folder, replace_text
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.starting import Starter

GRACE_S = 30.0  # between asking a job to stop and killing it


ONLY = "the only job"  # the name of a job beside which there is none


@contextmanager
def named(name: str) -> Iterator[None]:
    """Have a mistake found within the context name the job that it belongs to."""
    try:
        yield
    except UserError as error:
        said = str(error)
        raise UserError(said if name == ONLY or name in said else f"{name}: {said}") from error


@dataclass
class Job:
    """Hold the name of a job, the config and the folder of its run, and how it goes.

    overrides : those that make the config, each with one value.
    tags : tags to record with the run besides its own.
    label : what the run is called, and the sweep that it belongs to; see `RunFolder.give_label`.
    outcome : "not begun", "running", "finished", "resumed and finished", "finished before" the sweep,
        "stopped" with the sweep, "pruned", or, for the reason in `error`, "failed" or (in a search) "diverged".
    """

    name: str
    config: dict[str, Any]
    folder: RunFolder
    overrides: list[str] = field(default_factory=list)
    label: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    outcome: str = "not begun"
    error: str = ""

    def start(self, starter: Starter, threads: int, report: Path) -> None:
        """Have the process started with that many threads; it reports its progress in the file `report`."""
        self.report, self.stop_asked_at, self.prune = report, 0.0, False
        make_folder(self.folder.path, ELSEWHERE)
        self.number = self.folder.state().get("number", 0)  # left by the attempt before
        self.resumed = (self.folder.path / "last.npz").exists()
        self.output, self.records_size, self.started = report.with_suffix(".txt"), -1, time.monotonic()
        self.output.touch()
        task = {"config": self.config, "folder": str(self.folder.path), "tags": self.tags, "threads": threads}
        self.process = starter.start(task | {"report": str(report), "output": str(self.output)})
        self.outcome = "running"

    def give_label(self) -> None:
        """Label the run in its folder, if there is a label for it."""
        if self.label:
            make_folder(self.folder.path, ELSEWHERE)
            self.folder.state()  # refuses a newer format
            self.folder.give_label(self.label)

    def finished_before(self) -> bool:
        """Return whether its folder has a result for this config; the job itself refuses that of another.

        Raises
        ------
        UserError where state.json is damaged, or a newer program has written the folder.
        """
        self.folder.state()
        try:
            if not self.folder.result():
                return False
            self.folder.load_config()
            require_same_engine(self.config, self.folder)
            same = self.folder.tags().get("rnnexp.config_hash") == hashes(self.config)[0]
            whole = not artifacts.lacking(self.folder)  # which reads all of it
            return same and whole and not self.folder.recovered
        except UserError:
            return False  # a file is damaged, or another engine asked for: the job mends it or says so

    def ask_to_stop(self, why: str = "", prune: bool = False) -> None:
        """Have the job save a checkpoint and end.

        why : the failure because of which the job is stopped, if it is one.
        prune : whether the job is stopped for good, because it falls behind others.
        """
        if not self.stop_asked_at:
            self.stop_asked_at, self.error, self.prune = time.monotonic(), why, prune
            self.process.terminate()

    def ended(self) -> bool:
        """Return whether the process has ended, and set `outcome` if so."""
        code = self.process.poll()
        if code is None:
            if self.stop_asked_at and time.monotonic() - self.stop_asked_at > GRACE_S:
                self.process.kill()
            return False
        damage, result = "", None
        try:
            self.folder.mark_dead()
            result = self.folder.result()
        except (OSError, UserError) as error:
            damage = one_line(error)
        if code == 0 and result:
            self.outcome, self.error = f"{'resumed and ' if self.resumed else ''}finished", ""
        elif self.stop_asked_at and not self.error:
            self.outcome = "pruned" if self.prune else "stopped"
        else:
            self.outcome, self.error = "failed", self.error or damage or self.reason(code)
        with suppress(OSError):
            kept = self.folder.path / "output.txt"
            kept.unlink(missing_ok=True)  # left by an attempt before
            if self.output.stat().st_size:
                replace_text(kept, safe(self.output.read_text(encoding="utf-8", errors="replace")))
        return True

    def reason(self, code: int) -> str:
        """Return a line about why the job failed, given the exit code of its process."""
        if code < 0:
            try:
                return f"killed by {signal.Signals(-code).name}"
            except ValueError:  # one of those without a name
                return f"killed by signal {-code}"
        state: dict[str, Any] = {}
        with suppress(UserError):  # state.json is damaged
            state = self.folder.state()
        if state.get("status") == "FAILED" and state["number"] > self.number:
            return state["error"]
        said = self.output.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
        said = safe(said)
        if not code:
            return "its process ended without a result"
        return said if code == 1 and said else f"exit status {code}{said and f' ({said})'}"

    @property
    def diverged(self) -> str:
        """Return how the run diverged, a trial of a search too; empty where it did not, or has failed of it."""
        if self.outcome == "diverged":
            return self.error.removeprefix(f"{Diverged.__name__}: ")
        with suppress(UserError):  # its tags are damaged
            return divergence.how(self.folder) if self.outcome != "failed" else ""
        return ""

    def has_news(self) -> bool:
        """Return whether the job has begun or recorded something since this was called last."""
        if self.folder.state().get("number", 0) == self.number or not self.folder.tags_file.exists():
            return False
        file, before = self.folder.records_file, self.records_size
        self.records_size = file.stat().st_size if file.exists() else 0
        return self.records_size != before

    def __str__(self) -> str:
        """Return a line about how the job went."""
        if self.outcome == "failed" or not (metrics := self.folder.result()):
            why = self.diverged if self.outcome == "diverged" else self.error
            return f"{self.name}: {self.outcome}{why and f': {why}'}"
        diverged = f", diverged: {self.diverged}" if self.diverged else ""
        before = " (finished before)" if "before" in self.outcome else ""
        return f"{self.name}: {progress.in_words(metrics)}{diverged}{before}"
