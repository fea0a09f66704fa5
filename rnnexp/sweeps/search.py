"""Search for good settings with the same number of trials for every combination of the rest, such as each cell.

A comparison is fair only where both cells were tuned alike, so every combination has the same budget. Each trial
is a run like any other, proposed by Optuna from the trials before it, and pruned where it falls behind them. In
the end the best settings of each combination are run with several seeds, as a study of their own. The trials
never look at the test split. A trial that diverges is one of the budget; one that fails otherwise is done again by
the same command.
"""

import math
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from rnnexp.errors import Diverged, UserError
from rnnexp.experiment.config_hash import hashes
from rnnexp.experiment.progress import counted
from rnnexp.installation import how_to_add
from rnnexp.records.address import Address
from rnnexp.records.digests import digest
from rnnexp.records.sqlite import for_sqlalchemy
from rnnexp.sweeps.job import Job
from rnnexp.sweeps.labels import label
from rnnexp.sweeps.overrides import text
from rnnexp.sweeps.ranges import range_tags, shown, suggest
from rnnexp.sweeps.request import Request, distinct
from rnnexp.sweeps.scheduler import Sweep, require_possible

try:
    import optuna
except ImportError:
    raise UserError(f"sweep.trials takes Optuna: {how_to_add('search')}") from None

optuna.logging.set_verbosity(optuna.logging.WARNING)
REPEATS = 100  # so many repeated proposals mean that a combination has nothing new to try
FINISHED_STATES = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED


class RandomSampler(optuna.samplers.BaseSampler):
    """Draw each trial from its number and a seed alone: the same, whoever draws and whatever came before.

    Attributes
    ----------
    number : of the trial that is drawn next, to be set before.
    """

    def __init__(self, seed: int):
        self.seed, self.number = seed, 0

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, param_name, param_distribution):
        own = optuna.samplers.RandomSampler(mixed(self.seed, self.number, zlib.crc32(param_name.encode())))
        return own.sample_independent(study, trial, param_name, param_distribution)


@dataclass
class Branch:
    """Hold a combination and the trials that it has had."""

    name: str
    overrides: list[str]
    title: str  # the first words of the names of its studies
    storage: str
    study: optuna.Study
    seed: int  # of the trials, and of what draws them
    begun: int  # trials, those before this command included
    tried: set[str]  # their overrides
    again: list[dict[str, Any]]  # the parameters of trials that were begun and came to no result
    repeats: int = 0  # proposals of what was tried before
    jobs: list[Job] = field(default_factory=list)


class Search(Sweep):
    """Do a sweep whose jobs Optuna proposes; its trials are kept in `sweep.storage`, so it can be interrupted."""

    def __init__(self, request: Request, workers: int | None, timeout: float | None, on_error: str):
        settings = request.settings
        self.request, self.job_of = request, request.composer.job
        if not request.space:
            raise UserError("sweep.trials searches over sweep.params, which is empty: try sweep=search")
        self.space, self.trials, self.seeds = request.space, settings["trials"], settings["best_seeds"]
        self.sampler = settings["sampler"]
        combinations = request.combinations()
        super().__init__([], workers, timeout, on_error, total=self.trials * len(combinations))
        bases = [self.job_of(*combination) for combination in counted(combinations, "checked")]
        require_possible(bases)  # before anything is made
        folder = bases[0].folder.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(folder / ".search.lock", timeout=0)
        try:
            self.lock.acquire()
        except Timeout:
            raise UserError("another process is at this search: wait for it, or take another study") from None
        self.branches = [self.load_branch(name, overrides, settings) for name, overrides in combinations]
        self.trial_of: dict[Path, optuna.Trial] = {}
        self.reported: dict[Path, int] = {}

    def load_branch(self, name: str, overrides: list[str], settings: dict[str, Any]) -> Branch:
        """Return the branch of a combination, with the trials of the searches before this one."""
        base = self.job_of(name, overrides)
        folder = base.folder.path.parent  # of the runs of its study
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "search.db").is_symlink():
            raise UserError(
                f"{folder}/search.db is a link, which could lead anywhere: put the file itself there"
            )
        storage = Address(settings["storage"] or for_sqlalchemy(folder / "search.db"))
        seed = base.config["seed"]
        same = {"config": hashes(base.config)[0], "space": sorted(map(text, self.space.values()))}
        if self.sampler != "tpe":  # which all searches once had
            same["sampler"] = self.sampler
        pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
        if settings["pruner"] == "median":
            pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2)
        elif settings["pruner"] == "hyperband":
            pruner = optuna.pruners.HyperbandPruner(max_resource=base.config["train"]["max_epochs"])
        title = f"{base.config['study']} {name}"
        try:
            study = optuna.create_study(
                storage=storage.to_connect(),
                study_name=f"{title} {digest(same)[:8]}",
                pruner=pruner,
                direction="minimize",
                load_if_exists=True,
            )
        except Exception as error:  # whatever a database can raise
            reason = str(error).strip().partition("\n")[0]
            raise UserError(f"sweep.storage={storage} cannot be used: {reason}") from error
        for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
            # left by a search that was cut off
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        over = study.get_trials(states=FINISHED_STATES)
        # a search that goes on with the stream of its beginning would draw the same again
        study.sampler = (
            RandomSampler(seed)
            if self.sampler == "random"
            else optuna.samplers.TPESampler(seed=mixed(seed, len(over)))
        )
        tried = {" ".join(self.chosen(trial.params)) for trial in over}
        # what failed or was cut off is tried again, so that each combination gets the trials that are its due;
        # a run that was cut off goes on from its checkpoint
        again = {
            " ".join(self.chosen(trial.params)): trial.params
            for trial in study.get_trials(states=[optuna.trial.TrialState.FAIL])
            if trial.params.keys() >= self.space.keys()
        }
        left = [params for words, params in again.items() if words not in tried]
        return Branch(name, overrides, title, storage.to_connect(), study, seed, len(over), tried, left)

    def plan(self) -> str:
        """Return a line about the trials to do; empty where there are none."""
        left = sum(max(self.trials - branch.begun, 0) for branch in self.branches)
        if not left:
            return ""
        before = f" ({self.total - left} of {self.total} have ended before)" if left < self.total else ""
        final = f", then {len(self.branches) * self.seeds} runs of the best" if self.seeds else ""
        return f"{left} trials to do, {self.workers} at a time{before}{final}"

    def chosen(self, params: dict[str, Any]) -> list[str]:
        """Return the overrides of a trial."""
        return [f"{key}={shown(params[key])}" for key in self.space]

    def next_job(self) -> Job | None:
        """Return the next trial, of the combination that has had the fewest; None where all are done.

        Settings that were tried before do not count as a trial. A combination for which Optuna proposes nothing
        new is done.
        """
        while unfinished := [b for b in self.branches if b.begun < self.trials and b.repeats < REPEATS]:
            branch = min(unfinished, key=lambda branch: branch.begun)
            if isinstance(branch.study.sampler, RandomSampler):
                branch.study.sampler.number = branch.begun + branch.repeats
            if branch.again:
                branch.study.enqueue_trial(branch.again.pop(0))
            trial = branch.study.ask()
            for key, over in self.space.items():
                suggest(trial, key, over)
            chosen = self.chosen(trial.params)
            if " ".join(chosen) in branch.tried:
                branch.repeats += 1
                branch.study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            branch.tried.add(" ".join(chosen))
            branch.begun += 1
            name = " ".join(filter(None, [branch.name, *chosen]))
            # what is chosen by the test split would be no news to it
            job = self.job_of(name, [*branch.overrides, *chosen, "train.test=never"])
            job.tags = self.sampler_tags(branch) | {"rnnexp.trial": str(branch.begun)}
            job.label = label(job, self.request)
            self.trial_of[job.folder.path] = trial
            branch.jobs.append(job)
            self.jobs.append(job)
            return job
        return None

    def on_job_news(self, job: Job) -> None:
        """Report the new epochs of a job to Optuna; stop the job where it falls behind."""
        super().on_job_news(job)
        trial, records = self.trial_of[job.folder.path], job.folder.records()
        for record in records[self.reported.get(job.folder.path, 0) :]:
            trial.report(record["valid/ppl"], record["epoch"])
        self.reported[job.folder.path] = len(records)
        if records and trial.should_prune():
            job.ask_to_stop(prune=True)

    def on_job_end(self, job: Job) -> None:
        """Tell Optuna how a job ended; a trial that was stopped with the search goes on in the next search."""
        trial, study = self.trial_of[job.folder.path], self.branch_of(job).study
        metrics = job.folder.result()
        if metrics:
            study.tell(trial, metrics["best/valid_ppl"])
        elif job.outcome == "pruned":
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            with job.folder.claimed(wait=True):
                job.folder.save_tags(job.folder.tags() | {"rnnexp.pruned": "true"})
        elif job.outcome == "failed" and job.error.startswith(f"{Diverged.__name__}:"):
            job.outcome = "diverged"  # a result like any other: these settings are the worst
            study.tell(trial, math.inf)
        elif job.outcome == "failed" and self.on_error == "return_inf":
            study.tell(trial, math.inf)
        elif job.outcome == "failed":
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        super().on_job_end(job)

    def sampler_tags(self, branch: Branch) -> dict[str, str]:
        """Return by what the trials of a combination are drawn, as tags."""
        return {"rnnexp.sampler": self.sampler, "rnnexp.sampler_seed": str(branch.seed)}

    def branch_of(self, job: Job) -> Branch:
        """Return the branch whose trial a job is."""
        return next(branch for branch in self.branches if job in branch.jobs)

    def best(self) -> list[Job]:
        """Return jobs with the best settings of each combination, one a seed, none of which a trial has had.

        The tags of their runs say how many trials tuned them. UserError where no trial has finished.
        """
        jobs = []
        first = 1 + max(branch.seed for branch in self.branches)
        for branch in self.branches:
            trials = branch.study.get_trials(states=FINISHED_STATES)
            if not any(trial.state == FINISHED_STATES[0] for trial in trials):
                raise UserError(f"{branch.name}: no trial has finished, so there are no best settings")
            if math.isinf(branch.study.best_value):
                raise UserError(f"{branch.name}: every trial diverged or failed: search lower learning rates")
            chosen = self.chosen(branch.study.best_params)
            # also the trials of searches over other ranges in the same study
            kin = [n for n in optuna.get_all_study_names(branch.storage) if n.startswith(f"{branch.title} ")]
            spent = sum(
                len(
                    optuna.load_study(study_name=name, storage=branch.storage).get_trials(
                        states=FINISHED_STATES
                    )
                )
                for name in kin
            )
            for seed in range(first, first + self.seeds):
                study = f"study={branch.study.study_name.split()[0]}_best"
                name = " ".join(filter(None, [branch.name, *chosen, f"seed={seed}"]))
                job = self.job_of(name, [*branch.overrides, *chosen, f"seed={seed}", study])
                job.tags = (
                    self.sampler_tags(branch)
                    | range_tags(self.space)
                    | {
                        "rnnexp.tuned": ",".join(self.space),
                        "rnnexp.tuning_trials": str(spent),
                    }
                )
                job.label = label(job, self.request, final=True)
                jobs.append(job)
        return distinct(jobs)

    def summary(self) -> str:
        """Return how the jobs went, and a line on the trials of each combination."""
        lines = []
        for branch in self.branches:
            trials = branch.study.get_trials(states=FINISHED_STATES)
            pruned = sum(trial.state == FINISHED_STATES[1] for trial in trials)
            lines.append(
                f"{branch.name or 'all'}: {len(trials)} of {self.trials} trials, {pruned} of them pruned"
            )
            if len(trials) > pruned:
                best = branch.study.best_trial
                lines[-1] += f"; best valid ppl {best.value:.4g} with {' '.join(self.chosen(best.params))}"
        return super().summary() + "".join(f"{line}\n" for line in lines)


def mixed(*numbers: int) -> int:
    """Return a seed of 32 bits that depends on all of the numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
