"""Do the jobs of a sweep, each in a process of its own, as many at a time as there are workers.

A job may raise, exit, be killed, run out of memory or hang without harm to the others. A run that has finished
is not done again, and one that was begun goes on: the same command given again does what is left.
"""

import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from rnnexp import tracking
from rnnexp.errors import UserError, one_line
from rnnexp.experiment import progress, rules
from rnnexp.experiment.recorded import goes_elsewhere, set_tracking
from rnnexp.experiment.signals import stop_requests
from rnnexp.output import duration, number, safe, say
from rnnexp.records.lease import InUse
from rnnexp.sweeps.job import GRACE_S, Job, named
from rnnexp.sweeps.outlook import Outlook, size
from rnnexp.sweeps.starting import Starter
from rnnexp.tracking.base import TIMEOUT_S
from rnnexp.tracking.client import Client, WorkerClient

AGAIN = "the same command again takes up what is left"
RERUN_AGAIN = (
    "rnnexp resume RUN_FOLDER goes on with one; the same command again, with rerun=true, begins anew"
)
STOPPING = f"each running job finishes its step and saves a checkpoint, in {GRACE_S:g} s at most"
LOOK_S = 0.25  # seconds from one look at the jobs to the next
WORTH_SAYING_S = 10.0  # less is over before it is read


class Sweep:
    """Do the jobs of a sweep, and have a store told what they record.

    Parameters
    ----------
    workers : the number of jobs at a time, among which the cores are shared out; None: one for each core.
    timeout : seconds after which a job is stopped and counts as failed; None: never.
    on_error : "keep_going" with the other jobs; "fail_fast": stop them; "return_inf": keep going, and for a
        search the value of a job that failed is infinite.
    total : the number of jobs that there will be; None: that of the given ones.
    """

    def __init__(
        self,
        jobs: list[Job],
        workers: int | None,
        timeout: float | None,
        on_error: str,
        total: int | None = None,
    ):
        self.jobs, self.total = jobs, len(jobs) if total is None else total
        self.waiting = [job for job in jobs if job.outcome == "not begun"]
        self.timeout, self.on_error = timeout, on_error
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if any(job.config.get("device") == "gpu" for job in jobs):
            cores = 1  # a GPU does one run at a time, unless the command says more
        self.workers = max(1, min(workers or cores, self.total))
        self.threads = max(1, cores // self.workers)
        limits = [job.config["tracking"].get("timeout", TIMEOUT_S) for job in jobs if job.config]
        self.tracker: Client = WorkerClient(max(limits, default=TIMEOUT_S))
        self.outlook = Outlook()

    def run(self) -> None:
        """Do every job; on SIGINT or SIGTERM stop the jobs and raise KeyboardInterrupt."""
        with (
            tempfile.TemporaryDirectory() as reports,
            stop_requests(STOPPING) as raise_if_asked,
            progress.sweep_bar(self.total) as self.bar,
        ):
            self.settle()
            self.begun_at = self.said_at = time.monotonic()
            self.starter = Starter(Path(reports))
            try:
                self.work(Path(reports), raise_if_asked)
            except KeyboardInterrupt:
                self.stop_all()
                raise
            finally:
                for job in self.running():  # after an error of ours, or a second Ctrl-C
                    job.process.kill()
                self.starter.end()
        self.tracker.wait()

    def settle(self) -> None:
        """Set aside the jobs that have finished before, check all others, and say how many there are to do.

        Raises
        ------
        UserError for a job that is impossible, which it names, before any has begun.
        """
        over: list[Job] = []
        left: list[Job] = []
        for job in progress.counted(self.waiting, "looked for the results of"):
            finished = False
            with suppress(OSError, UserError):  # of its folder: its own failure, when its turn comes
                finished = job.finished_before()
            (over if finished else left).append(job)
        require_possible(left)
        self.waiting = left
        for job in over:
            try:
                self.on_finished_before(job)
            except (OSError, UserError) as error:
                job.outcome, job.error = "failed", one_line(error)
                self.on_job_end(job)
        if plan := self.plan():
            self.tell(plan)

    def plan(self) -> str:
        """Return a line about the jobs to do; empty where there are none."""
        left, total = len(self.waiting), len(self.jobs)
        if not left:
            return ""
        before = f" ({total - left} of {total} have ended before)" if left < total else ""
        return f"{number(left, 'job')} to do, {self.workers} at a time{before}{self.estimate()}"

    def estimate(self) -> str:
        """Return about what time and disk the jobs that are left take, as the end of a sentence; empty if unknown."""
        known = len(self.waiting) + len(self.running())
        more = max(self.total - len(self.jobs), 0)
        now = time.monotonic()
        running = [(job, now - job.started, progress.reported(job.report).gained) for job in self.running()]
        seconds = self.outlook.seconds_left(self.waiting, running, more)
        if seconds is None or seconds / self.workers < WORTH_SAYING_S:
            return ""
        disk = f" and {size(self.outlook.bytes_left(known + more))} of disk" if self.outlook.bytes else ""
        return f"; what is left takes some {duration(seconds / self.workers)}{disk}"

    def on_finished_before(self, job: Job) -> None:
        """Do what is left to do for a job that has finished before."""
        job.give_label()
        job.outcome = "finished before"
        job.folder.mark_dead()
        if goes_elsewhere(job.config, job.folder):
            with suppress(InUse), job.folder.claimed():
                set_tracking(job.config, job.folder)
        self.on_job_end(job)

    def work(self, reports: Path, raise_if_asked: Callable[[], None]) -> None:
        """Start a job for each free worker, and look after those that run, until all have ended."""
        begun = 0
        while True:
            while len(self.running()) < self.workers and (job := self.next_job()):
                raise_if_asked()
                begun += 1
                try:
                    if job.finished_before():  # by another process, or it is the trial of a search
                        self.on_finished_before(job)
                        continue
                    rules.check(job.config, made=job.folder.config_file.exists())  # before anything is made
                    rules.check_files(job.config)
                    job.give_label()
                    job.start(self.starter, self.threads, reports / f"{begun}.json")
                except (OSError, UserError) as error:
                    job.outcome, job.error = "failed", one_line(error)
                    self.on_job_end(job)
            if not self.running() and not self.awaits():
                return
            self.starter.wait(LOOK_S)
            raise_if_asked()
            self.look_after()
            if self.on_error == "fail_fast" and any(job.outcome == "failed" for job in self.jobs):
                self.stop_all()
                return

    def next_job(self) -> Job | None:
        """Return the job to start next; None where there is none."""
        return self.waiting.pop(0) if self.waiting else None

    def awaits(self) -> bool:
        """Return whether there may be jobs later, though there is none to start now."""
        return False

    def running(self) -> list[Job]:
        """Return the jobs that run."""
        return [job for job in self.jobs if job.outcome == "running"]

    def look_after(self) -> None:
        """Act on each job that has ended, has recorded something new, or takes too long."""
        for job in self.running():
            try:
                if job.ended():
                    self.on_job_end(job)
                    continue
                if job.has_news():
                    self.on_job_news(job)
            except UserError as error:  # a file of its folder was damaged
                job.ask_to_stop(one_line(error))
            if self.timeout and time.monotonic() - job.started > self.timeout:
                job.ask_to_stop(f"stopped after sweep.timeout={self.timeout:g} s")
        running = [(job.name, progress.reported(job.report)) for job in self.running()]
        done = sum(job.outcome not in ("running", "not begun") for job in self.jobs)
        self.bar.n = done + sum(said.share for _, said in running)
        where = safe("  ".join(f"{name}: {said}" for name, said in running))
        self.bar.set_postfix_str(where)
        if self.bar.disable and time.monotonic() - self.said_at >= progress.LINE_S:
            self.said_at = time.monotonic()
            after = duration(self.said_at - self.begun_at)
            self.tell(f"after {after}: {done} of {self.total} jobs have ended{self.estimate()}; {where}")

    def stop_all(self) -> None:
        """Have the running jobs save and end, and wait for them."""
        for job in self.running():
            job.ask_to_stop()
        while self.running():
            self.starter.wait(LOOK_S)
            self.look_after()

    def on_job_news(self, job: Job) -> None:
        """Have the store told what a job has newly recorded."""
        tracker = tracking.make(job.config["tracking"])
        with suppress(OSError, UserError):  # a damaged folder is the job's own failure
            if tracker and tracker.may_lack(job.folder):
                self.tracker.changed(job.folder.path)

    def tell(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
        with self.bar.external_write_mode():
            say(line)

    def on_job_end(self, job: Job) -> None:
        """Have the store told how a job ended, and print it."""
        # not a search's own: Optuna takes no more epochs of a trial that has ended
        Sweep.on_job_news(self, job)
        self.tell(str(job))
        if job.outcome in ("finished", "finished before"):
            took = time.monotonic() - job.started if job.outcome == "finished" else None
            first = self.outlook.note(job, took)
            if first and took and (words := self.estimate()):
                self.tell(words.removeprefix("; "))

    def summary(self) -> str:
        """Return a line about how the jobs went, and one for each way in which some went wrong; or empty."""
        counts = Counter(job.outcome for job in self.jobs)
        if counts.keys() <= {"not begun"}:
            return ""
        # one line for all that went wrong the same way
        wrong: dict[tuple[str, str], list[Job]] = defaultdict(list)
        for job in self.jobs:
            if job.diverged:
                wrong["diverged", job.diverged].append(job)
        for job in self.jobs:
            if job.outcome == "failed":
                wrong["failed", job.error].append(job)
        lines = []
        for (how, why), (job, *others) in wrong.items():
            more = f" and {len(others)} more" if others else ""
            where = f"; see {job.folder}" if job.folder.path.exists() else ""
            lines.append(f"{how}: {job.name}{more}: {why}{where}")
        said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        return "".join(f"{line}\n" for line in [f"{number(len(self.jobs), 'job')}: {said}", *lines])


def require_possible(jobs: Sequence[Job], elsewhere: bool = False) -> None:
    """Raise UserError for the first job whose config is impossible, which it names.

    elsewhere : whether another machine will compute, where its data may be too; see `rules.check`.
    """
    seen: set[str] = set()  # what jobs that differ in other settings alone have in common
    for job in progress.counted(jobs, "checked the model of"):
        with named(job.name):
            rules.check(job.config, elsewhere, seen, made=job.folder.config_file.exists())
            if not elsewhere:
                rules.check_files(job.config)


def run_sweep(work: Sweep, run: Callable[[], None], again: str = AGAIN) -> None:
    """Call `run`, which does the jobs, and print how they went; UserError where one failed.

    again : what to do about jobs that have not finished.
    """
    try:
        try:
            run()
        finally:
            say(work.summary(), end="")
    except KeyboardInterrupt:
        say(f"stopped; {again}")
        raise
    failed = sum(job.outcome == "failed" for job in work.jobs)
    if failed:
        raise UserError(f"{failed} of {len(work.jobs)} jobs failed; {again}")
