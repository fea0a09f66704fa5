"""A search for good settings: the same number of trials for every combination of the rest, one per cell say.

A cell that was tuned less than the one it is compared with is no match for it. So every combination has the
same budget; each trial is a run like any other, proposed by Optuna from the trials before it and pruned
where it falls behind them. In the end the best settings of each are run with several seeds, as a study of
their own.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override

from rnnexp.combinations import Request, distinct, make_job, text, values
from rnnexp.errors import UserError
from rnnexp.identity import digest, hashes
from rnnexp.sweep import Job, Sweep

try:
    import optuna
except ImportError:
    raise UserError("sweep.trials takes Optuna: .venv/bin/pip install 'optuna>=4'") from None

optuna.logging.set_verbosity(optuna.logging.WARNING)
OVER = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED


@dataclass
class Arm:
    """A combination, with the trials that it has had."""

    name: str
    overrides: list[str]
    study: optuna.Study
    begun: int  # trials, those before this command included
    jobs: list[Job] = field(default_factory=list)


class Search(Sweep):
    """A sweep whose jobs Optuna proposes. What it knows is in `sweep.storage`, so it can be interrupted."""

    def __init__(self, request: Request, workers: int | None, timeout: float | None, on_error: str):
        settings = request.settings
        if not request.space:
            raise UserError("sweep.trials searches over sweep.params, which is empty: try sweep=search")
        self.space, self.trials, self.seeds = request.space, settings["trials"], settings["best_seeds"]
        combinations = request.combinations()
        super().__init__([], workers, timeout, on_error, total=self.trials * len(combinations))
        self.arms = [self.arm(name, overrides, settings) for name, overrides in combinations]
        self.trial_of: dict[Path, optuna.Trial] = {}
        self.reported: dict[Path, int] = {}

    def arm(self, name: str, overrides: list[str], settings: dict[str, Any]) -> Arm:
        base = make_job(name, overrides)
        storage = settings["storage"]
        if storage is None:
            base.folder.path.parent.mkdir(parents=True, exist_ok=True)
            storage = f"sqlite:///{base.folder.path.parent}/search.db"
        same = {"config": hashes(base.config)[0], "space": sorted(map(text, self.space.values()))}
        pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
        if settings["pruner"] == "median":
            pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2)
        elif settings["pruner"] == "hyperband":
            pruner = optuna.pruners.HyperbandPruner(max_resource=base.config["train"]["max_epochs"])
        study = optuna.create_study(
            storage=storage,
            study_name=f"{base.config['study']} {name} {digest(same)[:8]}",
            sampler=optuna.samplers.TPESampler(),
            pruner=pruner,
            direction="minimize",
            load_if_exists=True,
        )
        for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
            # of a search that was cut off: its run goes on where it is
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            study.enqueue_trial(trial.params)
        return Arm(name, overrides, study, begun=len(study.get_trials(states=OVER)))

    def next_job(self) -> Job | None:
        """The next trial of the combination that has had the fewest."""
        while open_arms := [arm for arm in self.arms if arm.begun < self.trials]:
            arm = min(open_arms, key=lambda arm: arm.begun)
            arm.begun += 1
            trial = arm.study.ask()
            chosen = [f"{key}={suggest(trial, key, over)}" for key, over in self.space.items()]
            job = make_job(" ".join(filter(None, [arm.name, *chosen])), arm.overrides + chosen)
            if job.folder.path in self.trial_of:  # proposed twice
                arm.study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            self.trial_of[job.folder.path] = trial
            arm.jobs.append(job)
            self.jobs.append(job)
            return job
        return None

    def news(self, job: Job) -> None:
        """Report the epochs; stop a run that falls behind."""
        super().news(job)
        trial, records = self.trial_of[job.folder.path], job.folder.records()
        for record in records[self.reported.get(job.folder.path, 0) :]:
            trial.report(record["valid/ppl"], record["epoch"])
        self.reported[job.folder.path] = len(records)
        if records and trial.should_prune():
            job.ask_to_stop(prune=True)

    def over(self, job: Job) -> None:
        """Tell Optuna; a trial that was stopped with the search goes on with the next."""
        trial, study = self.trial_of[job.folder.path], self.arm_of(job).study
        metrics = job.folder.result()
        if metrics:
            study.tell(trial, metrics["best/valid_ppl"])
        elif job.outcome == "pruned":
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            with job.folder.claimed(wait=True):
                job.folder.save_tags(job.folder.tags() | {"rnnexp.pruned": "true"})
        elif job.outcome == "failed" and self.on_error == "return_inf":
            study.tell(trial, math.inf)
        elif job.outcome == "failed":
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        super().over(job)

    def arm_of(self, job: Job) -> Arm:
        return next(arm for arm in self.arms if job in arm.jobs)

    def best(self) -> list[Job]:
        """The best settings of each combination, with several seeds; what their runs are tagged with says
        how much they were tuned."""
        jobs = []
        for arm in self.arms:
            trials = arm.study.get_trials(states=OVER)
            if not any(trial.state == OVER[0] for trial in trials):
                raise UserError(f"{arm.name}: no trial has finished, so there are no best settings")
            chosen = [f"{key}={shown(arm.study.best_params[key])}" for key in self.space]
            for seed in range(self.seeds):
                study = f"study={arm.study.study_name.split()[0]}_best"
                name = " ".join(filter(None, [arm.name, *chosen, f"seed={seed}"]))
                job = make_job(name, [*arm.overrides, *chosen, f"seed={seed}", study])
                job.tags = {
                    "rnnexp.tuned": ",".join(self.space),
                    "rnnexp.tuning_trials": str(len(trials)),
                }
                jobs.append(job)
        return distinct(jobs)

    def summary(self) -> str:
        lines = []
        for arm in self.arms:
            trials = arm.study.get_trials(states=OVER)
            pruned = sum(trial.state == OVER[1] for trial in trials)
            lines.append(
                f"{arm.name or 'all'}: {len(trials)} of {self.trials} trials, {pruned} of them pruned"
            )
            if len(trials) > pruned:
                best = arm.study.best_trial
                chosen = " ".join(f"{key}={shown(best.params[key])}" for key in self.space)
                lines[-1] += f"; best valid ppl {best.value:.4g} with {chosen}"
        return super().summary() + "".join(f"{line}\n" for line in lines)


def suggest(trial: optuna.Trial, key: str, over: Override) -> str:
    """A value from the range or the choices of an override."""
    space = over.value()
    if not isinstance(space, IntervalSweep):
        choices = [value.partition("=")[2] for value in values(over)]
        return str(trial.suggest_categorical(key, choices))
    low, high, log = space.start, space.end, "log" in space.tags
    assert low is not None
    assert high is not None
    if isinstance(low, int):
        return shown(trial.suggest_int(key, low, int(high), log=log))
    return shown(trial.suggest_float(key, low, high, log=log))


def shown(value: Any) -> str:
    """A proposed value as an override has it: four digits say enough."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
