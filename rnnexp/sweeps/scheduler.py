"""The jobs of a sweep, each in a process of its own, as many at a time as there are workers.

What happens to one job happens to it alone: it may raise, exit, be killed, run out of memory or hang, and the
others go on. A run that has finished is not done again, and one that was begun goes on: the same command
given again takes up whatever is left.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnexp import tracking
from rnnexp.errors import UserError, one_line
from rnnexp.experiment import progress
from rnnexp.experiment.signals import stop_requests
from rnnexp.records.fingerprint import hashes
from rnnexp.records.folder import RunFolder
from rnnexp.tracking.client import Client, WorkerClient

GRACE_S = 30.0  # between asking a job to stop and killing it
LOOK_S = 0.25


@dataclass
class Job:
    """A job: what it is called, the config and the folder of its run, and how it goes.

    tags : more to record with the run.
    outcome : "not begun", "running", "finished", "resumed and finished", "finished before" the sweep,
        "stopped" with it, "pruned", or "failed", for the reason in `error`.
    """

    name: str
    config: dict[str, Any]
    folder: RunFolder
    tags: dict[str, str] = field(default_factory=dict)
    outcome: str = "not begun"
    error: str = ""

    def start(self, threads: int, report: Path) -> None:
        """Begin; `report` is the file in which the job tells how far it is."""
        self.report, self.asked, self.prune = report, 0.0, False
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self.number = self.folder.state().get("number", 0)  # of the attempt before
        self.resumed = (self.folder.path / "last.npz").exists()
        self.output, self.records_size, self.started = report.with_suffix(".txt"), -1, time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "rnnexp.sweeps.worker"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), progress.REPORT: str(report)},
                start_new_session=True,  # Ctrl-C is for the sweep, which asks its jobs
            )
        self.outcome = "running"
        told = {
            "config": self.config,
            "folder": str(self.folder.path),
            "tags": self.tags,
            "threads": threads,
        }
        assert self.process.stdin
        with suppress(BrokenPipeError):  # it died at once, which is seen soon
            self.process.stdin.write(json.dumps(told).encode() + b"\n")
            self.process.stdin.flush()

    def finished_before(self) -> bool:
        """Whether its folder has the result of this config; of another, the job itself will complain.

        Raises
        ------
        UserError where a newer program has written the folder.
        """
        if not self.folder.result():
            return False
        self.folder.state()  # refuses a newer format
        return self.folder.tags()["rnnexp.config_hash"] == hashes(self.config)[0]

    def ask_to_stop(self, why: str = "", prune: bool = False) -> None:
        """Have it save a checkpoint and end; `why` where that is a failure, `prune` where it is no more."""
        if not self.asked:
            self.asked, self.error, self.prune = time.monotonic(), why, prune
            self.process.terminate()

    def ended(self) -> bool:
        """Whether the process is over; the outcome then says how it went."""
        code = self.process.poll()
        if code is None:
            if self.asked and time.monotonic() - self.asked > GRACE_S:
                self.process.kill()
            return False
        assert self.process.stdin
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        with suppress(OSError):
            self.folder.mark_dead()
        if code == 0 and self.folder.result():
            self.outcome, self.error = f"{'resumed and ' if self.resumed else ''}finished", ""
        elif self.asked and not self.error:
            self.outcome = "pruned" if self.prune else "stopped"
        else:
            self.outcome, self.error = "failed", self.error or self.reason(code)
        with suppress(OSError):
            kept = self.folder.path / "output.txt"
            kept.unlink(missing_ok=True)  # of an attempt before
            if self.output.stat().st_size:
                shutil.copy(self.output, kept)
        return True

    def reason(self, code: int) -> str:
        """Why it failed, in a line."""
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        state = self.folder.state()
        if state.get("status") == "FAILED" and state["number"] > self.number:
            return state["error"]
        said = self.output.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
        return said if code == 1 and said else f"exit status {code}{said and f' ({said})'}"

    def has_news(self) -> bool:
        """Whether it has begun, or has records that it did not have when this was asked before."""
        if self.folder.state().get("number", 0) == self.number or not self.folder.tags_file.exists():
            return False
        file, before = self.folder.records_file, self.records_size
        self.records_size = file.stat().st_size if file.exists() else 0
        return self.records_size != before

    def __str__(self) -> str:
        """A line on how it went."""
        metrics = self.folder.result()
        if metrics is None or self.outcome == "failed":
            return f"{self.name}: {self.outcome}{self.error and f': {self.error}'}"
        return (
            f"{self.name}: best epoch {metrics['best/epoch']}, valid ppl {metrics['best/valid_ppl']:.4g}, "
            f"test ppl {metrics['test/ppl']:.4g}{' (finished before)' if 'before' in self.outcome else ''}"
        )


class Sweep:
    """The jobs and what is to be made of them.

    Parameters
    ----------
    workers : jobs at a time; None: as many as there are cores. The cores are shared out among them.
    timeout : seconds after which a job is stopped and counts as failed; None: never.
    on_error : "keep_going" with the other jobs; "fail_fast": stop them; "return_inf": keep going, and for a
        search the value of a job that failed is infinite.
    total : how many jobs there will be; None: those given are all.
    """

    def __init__(
        self,
        jobs: list[Job],
        workers: int | None,
        timeout: float | None,
        on_error: str,
        total: int | None = None,
    ):
        self.jobs, self.waiting, self.total = jobs, list(jobs), len(jobs) if total is None else total
        self.timeout, self.on_error = timeout, on_error
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if any(job.config["device"] == "gpu" for job in jobs):
            cores = 1  # that many runs at a time, unless the command says more
        self.workers = max(1, min(workers or cores, self.total))
        self.threads = max(1, cores // self.workers)
        self.tracker: Client = WorkerClient()

    def run(self) -> None:
        """Until every job is over; KeyboardInterrupt after SIGINT or SIGTERM, with the jobs stopped."""
        with (
            tempfile.TemporaryDirectory() as reports,
            stop_requests() as raise_if_asked,
            progress.sweep_bar(self.total) as self.bar,
        ):
            try:
                self.work(Path(reports), raise_if_asked)
            except KeyboardInterrupt:
                self.stop_all()
                raise
            finally:
                for job in self.running():  # after an error of ours, or a second Ctrl-C
                    job.process.kill()
        self.tracker.wait()

    def work(self, reports: Path, raise_if_asked: Callable[[], None]) -> None:
        begun = 0
        while True:
            while len(self.running()) < self.workers and (job := self.next_job()):
                raise_if_asked()
                begun += 1
                try:
                    if job.finished_before():
                        job.outcome = "finished before"
                        job.folder.mark_dead()
                        self.over(job)
                        continue
                    job.start(self.threads, reports / f"{begun}.json")
                except (OSError, UserError) as error:
                    job.outcome, job.error = "failed", one_line(error)
                    self.over(job)
            if not self.running():
                return
            time.sleep(LOOK_S)
            raise_if_asked()
            self.look_after()
            if self.on_error == "fail_fast" and any(job.outcome == "failed" for job in self.jobs):
                self.stop_all()
                return

    def next_job(self) -> Job | None:
        """What is to be begun next; None where there is nothing."""
        return self.waiting.pop(0) if self.waiting else None

    def running(self) -> list[Job]:
        return [job for job in self.jobs if job.outcome == "running"]

    def look_after(self) -> None:
        """See which jobs have ended, have something new, or take too long."""
        for job in self.running():
            if job.ended():
                self.over(job)
            elif job.has_news():
                self.news(job)
            elif self.timeout and time.monotonic() - job.started > self.timeout:
                job.ask_to_stop(f"stopped after sweep.timeout={self.timeout:g} s")
        running = [(job, *progress.reported(job.report)) for job in self.running()]
        done = sum(job.outcome not in ("running", "not begun") for job in self.jobs)
        self.bar.n = done + sum(share for _, share, _ in running)
        self.bar.set_postfix_str("  ".join(f"{job.name}: {text or 'starts'}" for job, _, text in running))

    def stop_all(self) -> None:
        """Have the running jobs save and end, and wait for them."""
        for job in self.running():
            job.ask_to_stop()
        while self.running():
            time.sleep(LOOK_S)
            self.look_after()

    def news(self, job: Job) -> None:
        """A job has recorded something."""
        tracker = tracking.make(job.config["tracking"])
        with suppress(OSError, UserError):
            if tracker and job.folder.to_deliver(tracker.uri):
                self.tracker.changed(job.folder.path)

    def over(self, job: Job) -> None:
        """A job is over."""
        Sweep.news(self, job)
        self.bar.write(str(job))

    def summary(self) -> str:
        """How the jobs went: a line, and one for each that failed; nothing where there are none."""
        counts = Counter(job.outcome for job in self.jobs)
        failed = [
            f"failed: {job.name}: {job.error}; see {job.folder}"
            for job in self.jobs
            if job.outcome == "failed"
        ]
        said = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
        return "".join(f"{line}\n" for line in [f"{len(self.jobs)} jobs: {said}", *failed] if self.jobs)


def carry_out(work: Sweep, run: Callable[[], None]) -> None:
    """Do the jobs and say how they went."""
    try:
        try:
            run()
        finally:
            print(work.summary(), end="", flush=True)
    except KeyboardInterrupt:
        print("stopped; the same command again takes up what is left", flush=True)
        raise
    failed = sum(job.outcome == "failed" for job in work.jobs)
    if failed:
        raise UserError(
            f"{failed} of {len(work.jobs)} jobs failed; the same command again takes up what is left"
        )
