"""What the screen shows while training: a bar for one run, one bar for all jobs of a sweep."""

import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tqdm import tqdm

SWEEP = "RNNEXP_SWEEP_PROGRESS"  # environment variable: the folder through which jobs tell their sweep
EVERY_S = 0.5


class RunBar:
    """Progress of one run, in updates, with rate and time left; silent where the output is no terminal."""

    def __init__(self, done: int, total: int):
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


class JobReport:
    """Progress of one job of a sweep, for the sweep's bar: a small file that is replaced now and then."""

    def __init__(self, folder: Path, job: str, done: int, total: int):
        self.path = folder / f"{job}.json"
        self.done, self.total, self.text = done, total, ""
        self.written = 0.0
        self.write()

    def write(self) -> None:
        self.written = time.monotonic()
        part = self.path.with_suffix(".part")
        with suppress(FileNotFoundError):  # the sweep is over
            part.write_text(json.dumps({"share": self.done / max(self.total, 1), "text": self.text}))
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


def for_run(job: str, done: int, total: int) -> RunBar | JobReport:
    """The display of a run: part of its sweep's, where it belongs to one."""
    sweep = os.environ.get(SWEEP)
    return JobReport(Path(sweep), job, done, total) if sweep else RunBar(done, total)


@contextmanager
def sweep_bar(jobs: int) -> Iterator[None]:
    """Within: a bar over the jobs that run in this process and the processes it starts."""
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

        def watch():
            while not over.wait(EVERY_S):
                reports = []
                for path in sorted(Path(folder).glob("*.json")):
                    with suppress(FileNotFoundError):
                        reports.append(json.loads(path.read_text()))
                bar.n = min(sum(report["share"] for report in reports), jobs)
                bar.set_postfix_str("  ".join(report["text"] for report in reports if report["text"]))

        os.environ[SWEEP] = folder
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            del os.environ[SWEEP]
