"""Make the final runs of a search: the best settings of each combination with seeds that no trial has had."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hydra.core.override_parser.types import Override
from optuna.trial import Trial

from rnnexp.errors import UserError
from rnnexp.experiment import rules
from rnnexp.experiment.config_hash import hashes
from rnnexp.output import number
from rnnexp.records.lease import InUse
from rnnexp.sweeps.branch import Branch
from rnnexp.sweeps.job import Job, named
from rnnexp.sweeps.ranges import chosen, range_tags
from rnnexp.sweeps.request import distinct
from rnnexp.sweeps.scheduler import AGAIN, Sweep
from rnnexp.sweeps.storages import reached
from rnnexp.sweeps.trials import DONE, POLL_S


def study_of_best(study: str) -> str:
    """Return the study of the final runs, given that of the trials."""
    return f"{study}_best"


def require_room_for_best(bases: list[Job], seeds: int) -> None:
    """Raise UserError where final runs would have a study or a seed that cannot be, before the trials are done.

    bases : the job of each combination. seeds : with which its best settings are run.
    """
    last = max((base.config["seed"] for base in bases), default=0) + seeds
    for base in bases if seeds else ():
        with named(base.name):
            rules.check_value("study", study_of_best(base.config["study"]))
            rules.check_value("seed", last)


def best_jobs(
    branches: list[Branch],
    space: dict[str, Override],
    seeds: int,
    job_of: Callable[[str, list[str]], Job],
) -> list[Job]:
    """Return jobs with the best settings of each combination that has any, with seeds that no trial has had.

    The tags of their runs say how many trials tuned them.

    Raises
    ------
    UserError where no combination has best settings, or too few trials have ended because some failed.
    """
    jobs = []
    first = 1 + max(branch.trials.seed for branch in branches)
    for branch in branches:
        branch.trials.look()
        over = branch.trials.finished()
        if failed := branch.trials.begun - len(over):
            raise UserError(f"{branch.called}: {number(failed, 'trial')} failed in other processes; {AGAIN}")
        if not branch.has_best():
            continue
        best = chosen(space, branch.study.best_params)
        tuning = {"rnnexp.tuned": ",".join(space), "rnnexp.tuning_trials": str(branch.spent())}
        for seed in range(first, first + seeds):
            study = f"study={study_of_best(branch.study.study_name.split()[0])}"
            name = " ".join(filter(None, [branch.name, *best, f"seed={seed}"]))
            job = job_of(name, [*branch.overrides, *best, f"seed={seed}", study])
            job.tags = branch.tags() | range_tags(space) | tuning
            jobs.append(job)
    if not jobs:
        require_best(branches)
    return distinct(jobs)


def require_best(branches: list[Branch]) -> None:
    """Raise UserError where a combination has no best settings, because none of its trials came to a finite loss."""
    if lost := ", ".join(branch.called for branch in branches if not branch.has_best()):
        raise UserError(f"{lost}: every trial diverged, failed or was pruned: search lower learning rates")


class FinalRuns(Sweep):
    """Do the final runs of a search, together with the other processes that are at it: each is done by one.

    branch : whose trials tell processes of each other.
    """

    def __init__(
        self, branch: Branch, jobs: list[Job], workers: int | None, timeout: float | None, on_error: str
    ):
        super().__init__(jobs, workers, timeout, on_error)
        self.trials, self.storage = branch.trials, branch.storage
        self.taken: dict[Path, Trial] = {}
        self.look_at = 0.0  # when to look again for a run to do

    def run(self) -> None:
        """Do the final runs that no other process does; wait for the others, whose process may die."""
        with reached(self.storage):
            super().run()

    def next_job(self) -> Job | None:
        """Return the next run that no other process is at; None where there is none now."""
        if time.monotonic() < self.look_at:
            return None
        for job in list(self.waiting):
            with suppress(OSError, UserError):  # of its folder: its own failure, when its turn comes
                if job.finished_before():  # another process has done it
                    self.waiting.remove(job)
                    return job
            if trial := self.trials.take_final(*self.claim(job)):
                self.taken[job.folder.path] = trial
                self.waiting.remove(job)
                return job
            other = self.trials.others_at(*self.claim(job))
            if other and DONE in other.user_attrs:
                self.waiting.remove(job)
                job.outcome = f"finished in {other.user_attrs[DONE][0]}"
                self.tell(str(job))
        self.look_at = time.monotonic() + POLL_S
        return None

    def on_finished_before(self, job: Job) -> None:
        """Have the record say of how many trials the run is the best by now."""
        tags = job.folder.tags()
        if not job.tags.items() <= tags.items():
            with suppress(InUse), job.folder.claimed():
                job.folder.save_tags(tags | job.tags)
        super().on_finished_before(job)

    def awaits(self) -> bool:
        """Return whether other processes are at runs, which may be left to this one."""
        return bool(self.waiting)

    def on_job_end(self, job: Job) -> None:
        """Let the other processes know how a run of this one ended."""
        self.look_at = 0.0
        if trial := self.taken.pop(job.folder.path, None):
            self.trials.end_final(trial, *self.claim(job), job.folder.result_file.exists())
        super().on_job_end(job)

    def claim(self, job: Job) -> tuple[str, str]:
        """Return what a run is, wherever it is done, and where this process has it."""
        return hashes(job.config)[0], f"{job.folder.path.parent} on {socket.gethostname()}"
