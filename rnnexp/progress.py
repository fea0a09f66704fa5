"""What the screen shows while training: a bar for one run, one bar for all jobs of a sweep."""

import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

SWEEP = "RNNEXP_SWEEP_PROGRESS"  # environment variable: the folder through which jobs tell their sweep
EVERY_S = 0.5


class RunBar:
    """Progress of one run, in updates, with rate and time left; silent where the output is no terminal.

    While it is there, what is logged appears above it.
    """

    def __init__(self, done: int, total: int):
        self.open = ExitStack()
        self.open.enter_context(logging_redirect_tqdm())
        self.bar = tqdm(
            total=total,
            initial=done,
            unit="step",
            disable=None,
            leave=False,
            mininterval=0.2,
            dynamic_ncols=True,
        )

    def step(self, done: int) -> None:
        self.bar.update(done - self.bar.n)

    def describe(self, text: str) -> None:
        self.bar.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        self.bar.close()
        self.open.close()

    def say(self, line: str) -> None:
        """Nothing: a single run's log is on the screen already."""


class JobReport:
    """Progress of one job of a sweep, for the sweep's bar: a small file that is replaced now and then."""

    def __init__(self, folder: Path, job: str, done: int, total: int):
        self.path = folder / f"{job}.json"
        self.done, self.total, self.text, self.line = done, total, "", ""
        self.written = 0.0
        self.write()

    def write(self) -> None:
        self.written = time.monotonic()
        part = self.path.with_suffix(".part")
        with suppress(FileNotFoundError):  # the sweep is over
            share = self.done / max(self.total, 1)
            part.write_text(json.dumps({"share": share, "text": self.text, "line": self.line}))
            part.replace(self.path)

    def step(self, done: int) -> None:
        self.done = done
        if time.monotonic() - self.written > EVERY_S:
            self.write()

    def describe(self, text: str) -> None:
        self.text = text

    def close(self) -> None:
        self.done, self.text = self.total, ""
        self.write()

    def say(self, line: str) -> None:
        """A line that stays, above the bar."""
        self.line = line
        self.write()


def sweep_folder() -> Path | None:
    """The folder that the jobs of a sweep share; None outside a sweep."""
    return Path(os.environ[SWEEP]) if SWEEP in os.environ else None


def for_run(job: str, done: int, total: int) -> RunBar | JobReport:
    """The display of a run: part of its sweep's, where it belongs to one."""
    sweep = sweep_folder()
    return JobReport(sweep, job, done, total) if sweep else RunBar(done, total)


@contextmanager
def sweep_bar(jobs: int) -> Iterator[Path]:
    """Within: a bar over the jobs of this process and those it starts; gives the folder they share."""
    with (
        tempfile.TemporaryDirectory() as folder,
        tqdm(
            total=jobs,
            unit="job",
            disable=None,
            dynamic_ncols=True,
            bar_format="{percentage:3.0f}%|{bar}| {n:.1f}/{total} jobs [{elapsed}<{remaining}]{postfix}",
        ) as bar,
    ):
        over = threading.Event()
        said: set[str] = set()

        def look():
            reports = []
            for path in sorted(Path(folder).glob("*.json")):
                with suppress(FileNotFoundError):
                    reports.append(json.loads(path.read_text()))
            for report in reports:
                if report["line"] and report["line"] not in said:
                    said.add(report["line"])
                    bar.write(report["line"])
            bar.n = sum(report["share"] for report in reports)
            bar.total = max(jobs, len(reports))
            bar.set_postfix_str("  ".join(report["text"] for report in reports if report["text"]))

        def watch():
            while not over.wait(EVERY_S):
                look()

        os.environ[SWEEP] = folder
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield Path(folder)
        finally:
            over.set()
            watcher.join()
            look()
            del os.environ[SWEEP]
