"""Search for good settings with the same number of trials for every combination of the rest, such as each cell.

A comparison is fair only where both cells were tuned alike, so every combination has the same budget. Each trial
is a run like any other, proposed by Optuna from the trials before it, and pruned where it falls behind them. In
the end the best settings of each combination are run with several seeds, as a study of their own. The trials
never look at the test split. A trial that diverges is one of the budget; one that fails otherwise is done again by
the same command. Several processes may work at one search, see `Trials`.
"""

import math
import time
from contextlib import suppress
from pathlib import Path

from rnnexp.errors import Diverged, UserError
from rnnexp.experiment.progress import counted
from rnnexp.installation import how_to_add
from rnnexp.output import number
from rnnexp.sweeps.job import Job
from rnnexp.sweeps.labels import label
from rnnexp.sweeps.ranges import chosen
from rnnexp.sweeps.request import Request
from rnnexp.sweeps.scheduler import Sweep, require_possible

try:
    import optuna
except ImportError:
    raise UserError(f"sweep.trials takes Optuna: {how_to_add('search')}") from None

from rnnexp.sweeps.branch import Branch, load_branch
from rnnexp.sweeps.finals import FinalRuns, best_jobs, require_best, require_room_for_best
from rnnexp.sweeps.signs import Heart
from rnnexp.sweeps.storages import AWAY, reached, require_one_machine
from rnnexp.sweeps.trials import POLL_S

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Search(Sweep):
    """Do a sweep whose jobs Optuna proposes; its trials are kept in `sweep.storage`, so it can be interrupted.

    since : see `Trials`; None: now.
    """

    def __init__(
        self,
        request: Request,
        workers: int | None,
        timeout: float | None,
        on_error: str,
        since: float | None = None,
    ):
        settings = request.settings
        self.request, self.job_of = request, request.composer.job
        if not request.space:
            raise UserError(
                "sweep.trials has nothing to search over: give a range, as in 'optimizer.lr=tag(log,interval(1,40))', "
                "or sweep=search, which has some; values and choices alone are a grid"
            )
        self.space, self.budget, self.seeds = request.space, settings["trials"], settings["best_seeds"]
        combinations = request.combinations()
        super().__init__([], workers, timeout, on_error, total=self.budget * len(combinations))
        bases = [self.job_of(*combination) for combination in counted(combinations, "checked")]
        require_possible(bases, elsewhere=bool(request.launcher))  # before anything is made
        request.require_drawn(combinations)
        require_room_for_best(bases, self.seeds)
        self.since = since or time.time()
        self.branches = [
            load_branch(base, *combination, request, self.since)
            for base, combination in zip(bases, combinations)
        ]
        self.heart = Heart([branch.trials.beat for branch in self.branches])
        self.trial_of: dict[Path, optuna.Trial] = {}
        self.reported: dict[Path, int] = {}
        self.look_at = 0.0  # when to ask again for a trial

    def close(self) -> None:
        """Leave what is under way to other processes."""
        self.heart.stop()
        for branch in self.branches:
            for trial in list(branch.trials.mine.values()):
                with suppress(*AWAY):  # then they find out that this process has ended
                    branch.trials.give_up(trial)

    def run(self) -> None:
        """Do trials until there are as many as the budget has, whoever did them; see `Sweep.run`."""
        with reached(self.branches[0].storage):
            super().run()

    def plan(self) -> str:
        """Return a line about the trials to do; empty where there are none."""
        left = sum(max(self.budget - len(branch.trials.finished()), 0) for branch in self.branches)
        if not left:
            return ""
        before = f" ({self.total - left} of {self.total} have ended before)" if left < self.total else ""
        final = f", then {number(len(self.branches) * self.seeds, 'run')} of the best" if self.seeds else ""
        others = ", with other processes" if self.awaits() else ""
        return f"{number(left, 'trial')} to do, {self.workers} at a time{others}{before}{final}"

    def awaits(self) -> bool:
        """Return whether other processes are at trials, which may be left to this one."""
        return any(branch.trials.others for branch in self.branches)

    def next_job(self) -> Job | None:
        """Return the next trial, of the combination that has had the fewest; None where there is none now."""
        if time.monotonic() < self.look_at:
            return None
        self.heart.start()
        for branch in self.branches:
            if branch.trials.others:
                branch.trials.look()
        for branch in sorted(self.branches, key=lambda branch: branch.trials.begun):
            if branch.trials.begun < self.budget and (trial := branch.trials.take()):
                require_one_machine(branch.storage, branch.study)
                return self.job_for(branch, trial)
        self.look_at = time.monotonic() + POLL_S
        return None

    def job_for(self, branch: Branch, trial: optuna.Trial) -> Job:
        """Return the job of a trial."""
        settings = chosen(self.space, trial.params)
        name = " ".join(filter(None, [branch.name, *settings]))
        # what is chosen by the test split would be no news to it
        job = self.job_of(name, [*branch.overrides, *settings, "train.test=never"])
        job.tags = branch.tags() | {"rnnexp.trial": str(branch.trials.begun)}
        job.label = label(job, self.request)
        self.trial_of[job.folder.path] = trial
        self.reported.pop(job.folder.path, None)
        branch.jobs.append(job)
        self.jobs.append(job)
        return job

    def look_after(self) -> None:
        """Look after the jobs that run, and stop those whose trial another process has taken over."""
        super().look_after()
        for job in self.running():
            if self.trial_of[job.folder.path].number in self.branch_of(job).trials.lost:
                job.ask_to_stop("another process has taken it over")

    def on_job_news(self, job: Job) -> None:
        """Report the new epochs of a job to Optuna; stop the job where it falls behind."""
        super().on_job_news(job)
        trial, records = self.trial_of[job.folder.path], job.folder.records()
        with suppress(optuna.exceptions.UpdateFinishedTrialError):  # another process has taken it over
            for record in records[self.reported.get(job.folder.path, 0) :]:
                trial.report(record["valid/ppl"], record["epoch"])
        self.reported[job.folder.path] = len(records)
        if records and trial.should_prune():
            job.ask_to_stop(prune=True)

    def on_job_end(self, job: Job) -> None:
        """Tell Optuna how a job ended; a trial that was stopped with the search goes on in another process or later."""
        trial, trials = self.trial_of[job.folder.path], self.branch_of(job).trials
        self.look_at = 0.0
        metrics = job.folder.result()
        if metrics:
            trials.tell(trial, math.inf if job.diverged else metrics["best/valid_ppl"])
        elif trial.number in trials.lost:
            job.outcome = "taken over"
            trials.give_up(trial)
            trials.look()  # at whether the other process is still at it
        elif job.outcome == "pruned":
            trials.tell(trial, state=optuna.trial.TrialState.PRUNED)
            with job.folder.claimed(wait=True):
                job.folder.save_tags(job.folder.tags() | {"rnnexp.pruned": "true"})
        elif job.outcome == "failed" and job.error.startswith(f"{Diverged.__name__}:"):
            job.outcome = "diverged"  # a result like any other: these settings are the worst
            trials.tell(trial, math.inf)
        elif job.outcome == "failed" and self.on_error == "return_inf":
            trials.tell(trial, math.inf)
        elif job.outcome == "failed":
            trials.fail(trial)
        else:
            trials.give_up(trial)
        super().on_job_end(job)

    def branch_of(self, job: Job) -> Branch:
        """Return the branch whose trial a job is."""
        return next(branch for branch in self.branches if job in branch.jobs)

    def best(self) -> list[Job]:
        """Return jobs with the best settings of each combination; see `best_jobs`."""
        jobs = best_jobs(self.branches, self.space, self.seeds, self.job_of)
        for job in jobs:
            job.label = label(job, self.request, final=True)
        return jobs

    def final_runs(self) -> FinalRuns:
        """Return the sweep of the best settings; see `best`."""
        with reached(self.branches[0].storage):
            self.heart.start()
            return FinalRuns(self.branches[0], self.best(), **self.request.limits)

    def require_best(self) -> None:
        """Raise UserError where a combination has no best settings, and so no final runs."""
        with reached(self.branches[0].storage):
            require_best(self.branches)

    def summary(self) -> str:
        """Return how the jobs went, and a line on the trials of each combination."""
        return super().summary() + "".join(f"{branch.summary()}\n" for branch in self.branches)
