"""Hold the trials that a search has had of each combination, such as each cell, and where they are kept."""

from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import optuna
from optuna.trial import TrialState

from rnnexp.experiment.config_hash import hashes
from rnnexp.records.address import Address
from rnnexp.records.digests import digest
from rnnexp.sweeps.job import Job
from rnnexp.sweeps.overrides import text
from rnnexp.sweeps.ranges import chosen, suggest
from rnnexp.sweeps.request import Request
from rnnexp.sweeps.storages import open_storage, open_study, require_one_machine, require_possible, storage_in
from rnnexp.sweeps.trials import FINISHED_STATES, Trials


@dataclass
class Branch:
    """Hold a combination and the trials that it has had."""

    name: str
    overrides: list[str]
    title: str  # the first words of the names of its studies
    storage: Address
    trials: Trials
    jobs: list[Job] = field(default_factory=list)

    @property
    def called(self) -> str:
        """Return what a line calls it; a search over one combination has no name for it."""
        return self.name or "all"

    @property
    def study(self) -> optuna.Study:
        """Return what Optuna keeps of it."""
        return self.trials.study

    def tags(self) -> dict[str, str]:
        """Return by what its trials are drawn, as tags."""
        return {"rnnexp.sampler": self.trials.sampler, "rnnexp.sampler_seed": str(self.trials.seed)}

    def spent(self) -> int:
        """Return how many trials it has had, those of searches over other ranges in the same study among them."""
        storage = open_storage(self.storage)
        kin = [name for name in optuna.get_all_study_names(storage) if name.rpartition(" ")[0] == self.title]
        studies = [optuna.load_study(study_name=name, storage=storage) for name in kin]
        return sum(len(study.get_trials(deepcopy=False, states=FINISHED_STATES)) for study in studies)

    def has_best(self) -> bool:
        """Return whether a trial came to an end and did not diverge."""
        ended = [trial.value for trial in self.trials.finished() if trial.state == TrialState.COMPLETE]
        return any(value is not None and isfinite(value) for value in ended)

    def summary(self) -> str:
        """Return a line on its trials."""
        trials = self.trials.finished()
        pruned = sum(trial.state == TrialState.PRUNED for trial in trials)
        line = f"{self.called}: {len(trials)} of {self.trials.budget} trials, {pruned} of them pruned"
        if not self.has_best():
            return line
        best = self.study.best_trial
        return f"{line}; best valid ppl {best.value:.4g} with {self.trials.words(best.params)}"


def load_branch(
    base: Job,
    name: str,
    overrides: list[str],
    request: Request,
    since: float,
) -> Branch:
    """Return the branch of a combination, with the trials that it has had before.

    Parameters
    ----------
    base : the job of the combination, by which its study, folder and seed are known.
    request : what the search is over, its settings and its launcher.
    since : see `Trials`.
    """
    space, settings = request.space, request.settings
    folder = base.folder.path.parent  # of the runs of its study
    if settings["storage"]:
        storage = Address(settings["storage"])
        require_possible(storage)
    else:
        storage = storage_in(folder, several_machines=bool(request.launcher))
    sampler = settings["sampler"]
    same = {"config": hashes(base.config)[0], "space": sorted(map(text, space.values()))}
    if sampler != "tpe":  # which all searches once had
        same["sampler"] = sampler
    title = f"{base.config['study']} {name}"
    pruner = make_pruner(settings["pruner"], base.config["train"]["max_epochs"])
    study = open_study(storage, f"{title} {digest(same)[:8]}", pruner)
    require_one_machine(storage, study)

    def words(params: dict[str, Any]) -> str:
        return " ".join(chosen(space, params))

    def draw(trial: optuna.Trial) -> None:
        for key, over in space.items():
            suggest(trial, key, over)

    trials = Trials(study, settings["trials"], base.config["seed"], sampler, set(space), words, draw, since)
    return Branch(name, overrides, title, storage, trials)


def make_pruner(name: str | None, max_epochs: int) -> optuna.pruners.BasePruner:
    """Return what stops trials that fall behind."""
    if name == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2)
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=max_epochs)
    return optuna.pruners.NopPruner()
