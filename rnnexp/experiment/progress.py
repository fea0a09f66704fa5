"""Show progress while training: a bar for one run, one bar for all jobs of a sweep."""

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from rnnexp.output import Formatter, say

REPORT = "RNNEXP_JOB_REPORT"  # environment variable: the file through which a job tells its sweep
EVERY_S = 0.5
FIRST_S = 1.5  # seconds before the count of what is done with jobs that have not begun is shown
FEW = 10  # jobs, at most, with which it is done before that would be read
LINE_S = 60.0  # seconds from one line about a sweep or a run to the next, where no bar shows it
T = TypeVar("T")
log = logging.getLogger(__name__)


class RunBar:
    """Show the progress of one run in updates, with rate and time left, in a terminal and in a notebook.

    Until it is closed, log messages appear above it. In a notebook it stays, for there the cell is kept. Where no
    bar can be, as in a pipe, a line is logged whenever a minute has passed without one, and no more often: the lines
    of epochs are to stand out.
    """

    def __init__(self, label: str, done: int, total: int):
        self.label, self.total, self.begun_with, self.ppl = label, total, done, ""
        self.text = label
        self.begun_at = self.said_at = time.monotonic()
        self.open = ExitStack()
        self.open.enter_context(logging_redirect_tqdm())
        shown = {"disable": False, "leave": True, "ncols": 100} if in_notebook() else {"dynamic_ncols": True}
        hidden_in_files: dict[str, Any] = {"disable": None, "leave": False}
        self.bar = tqdm(total=total, initial=done, unit="step", mininterval=0.2, **(hidden_in_files | shown))
        self.bar.set_postfix_str(label, refresh=False)

    def step(self, done: int) -> None:
        if not self.bar.disable:
            self.bar.update(done - self.bar.n)
        elif (now := time.monotonic()) - self.said_at >= LINE_S:
            self.said_at = now
            left = (self.total - done) * (now - self.begun_at) / max(done - self.begun_with, 1)
            log.info(f"step {done:,} of {self.total:,}{self.ppl}, some {tqdm.format_interval(left)} left")

    def measured(self, record: Mapping[str, float]) -> None:
        """Show what was measured within an epoch, which steps.jsonl has in full."""
        if "train/ppl" in record:
            self.ppl = f", train ppl {record['train/ppl']:.3f}"
            self.bar.set_postfix_str(f"{self.text}{self.ppl}", refresh=False)

    def describe(self, text: str) -> None:
        self.said_at = time.monotonic()  # the epoch is logged too
        self.text, self.ppl = f"{self.label}: {text}", ""
        self.bar.set_postfix_str(self.text)  # at once, for the next step may be the last

    def close(self) -> None:
        self.bar.close()
        self.open.close()


class JobReport:
    """Tell a sweep the progress of one of its jobs, by a small file that is replaced now and then."""

    def __init__(self, path: Path, done: int, total: int):
        self.path, self.done, self.total, self.text = path, done, total, ""
        self.begun_with = done  # steps that another process has taken
        self.write()

    def write(self) -> None:
        self.written = time.monotonic()
        shares = {
            "share": self.done / max(self.total, 1),
            "gained": (self.done - self.begun_with) / max(self.total, 1),
        }
        part = self.path.with_suffix(".part")
        with suppress(OSError):  # the sweep is over, or the disk full
            part.write_text(json.dumps(shares | {"text": self.text}), encoding="utf-8")
            part.replace(self.path)

    def step(self, done: int) -> None:
        self.done = done
        if time.monotonic() - self.written > EVERY_S:
            self.write()

    def measured(self, record: Mapping[str, float]) -> None:
        if "train/ppl" in record:
            self.text = f"train ppl {record['train/ppl']:.4g}"

    def describe(self, text: str) -> None:
        self.text = text

    def close(self) -> None:
        self.write()


class Reported(NamedTuple):
    """Hold what a job has last told its sweep: the share of its work that is done, that of this process, and words."""

    share: float
    gained: float
    text: str

    def __str__(self) -> str:
        """Return where the job stands."""
        return ", ".join(filter(None, [f"{self.share:.0%}", self.text])) if self.share else "starts"


class Hidden:
    """Show nothing of a run's progress."""

    def step(self, done: int) -> None:
        pass

    def measured(self, record: Mapping[str, float]) -> None:
        pass

    def describe(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


@contextmanager
def lines_where_no_bar() -> Iterator[None]:
    """Write on stderr what a run logs within the context, as the command does, where it would go nowhere.

    In a terminal and in a notebook a bar says enough; where a script has set up logging, that says what is shown.
    """
    logger, root = logging.getLogger("rnnexp"), logging.getLogger()
    if in_notebook() or sys.stderr.isatty() or logger.handlers or root.handlers:
        yield
        return
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter("%(message)s"))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # the bar gives the root a handler of its own
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def in_words(metrics: dict[str, float]) -> str:
    """Return the final metrics of a run as part of a sentence; without test where that was not scored."""
    test = f", test ppl {metrics['test/ppl']:.4g}" if "test/ppl" in metrics else ""
    return f"best epoch {metrics['best/epoch']}, valid ppl {metrics['best/valid_ppl']:.4g}{test}"


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook, whose output is no terminal and yet is looked at."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def in_sweep() -> bool:
    """Return whether this process is a job of a sweep."""
    return REPORT in os.environ


def for_run(label: str, done: int, total: int, show: bool = True) -> RunBar | JobReport | Hidden:
    """Return the display of a run's progress: a bar of its own, or a report to the sweep that it belongs to."""
    if in_sweep():
        return JobReport(Path(os.environ[REPORT]), done, total)
    return RunBar(label, done, total) if show else Hidden()


def reported(path: Path) -> Reported:
    """Return the last report of a job."""
    try:
        return Reported(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Reported(0.0, 0.0, "")


def sweep_bar(jobs: int) -> tqdm:
    """Return a bar over the jobs of a sweep, which shows nothing where the output is no terminal."""
    return tqdm(
        total=jobs,
        unit="job",
        disable=None,
        leave=False,
        dynamic_ncols=True,
        bar_format="{percentage:3.0f}%|{bar}| {n:.1f}/{total} jobs [{elapsed}<{remaining}]{postfix}",
    )


def counted(jobs: Sequence[T], done: str) -> Iterator[T]:
    """Yield each of the jobs; where that takes long, show with how many it is done, such as "checked".

    On a terminal the count runs on in one line; elsewhere it is said soon, and again each minute.
    """
    if len(jobs) <= FEW:
        yield from jobs
        return
    layout = f"{done} {{n:,}} of {{total:,}} jobs"
    with tqdm(total=len(jobs), delay=FIRST_S, disable=None, leave=False, bar_format=layout) as bar:
        next_line = time.monotonic() + FIRST_S
        for number, job in enumerate(jobs):
            if bar.disable and number and time.monotonic() >= next_line:
                next_line = time.monotonic() + LINE_S
                say(layout.format(n=number, total=len(jobs)))
            yield job
            bar.update()
