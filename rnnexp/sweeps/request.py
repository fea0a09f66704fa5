"""Read a sweep from the command line: overrides, some with several values, composed by Hydra."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.override_parser.types import IntervalSweep, Override
from omegaconf import DictConfig, OmegaConf

from rnnexp.errors import UserError
from rnnexp.experiment import rules, schema
from rnnexp.experiment.config_hash import hashes
from rnnexp.experiment.mistakes import in_plain_words
from rnnexp.records.brought import require_room
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.job import ONLY, Job, named
from rnnexp.sweeps.matching import match_cells, require_matchable
from rnnexp.sweeps.overrides import is_one, parse, text, values


class Request:
    """Hold the overrides of a sweep, and what Hydra composes of them.

    Attributes
    ----------
    settings : the section `sweep` of the config.
    limits : those of its settings that `Sweep` takes.
    launcher : the name of the Hydra launcher that does the jobs, whether the command or a preset names it;
        None: our own scheduler.
    rerun : whether each job makes a new run.
    arguments : the overrides as the command line has them.
    tracker : the name of where the records go.
    overrides : those that a preset names in `hydra.sweeper.params`, then those of the command.
    space : the overrides that a search draws values for: those of `sweep.params`, and every interval.
    """

    def __init__(self, given: list[Override], arguments: Sequence[str]):
        # composed with the first value of each sweep, because a key may come with a group's option
        plain = compose("config", [values(o)[0] for o in given if is_one(o) or o.is_discrete_sweep()], True)
        require_same_folder(plain)
        self.arguments = list(arguments)
        self.settings: dict[str, Any] = dict(plain.sweep)
        self.launcher = launcher_of(plain)
        if self.launcher:  # Hydra finds it in a config without the overrides that are swept over
            fixed = compose("config", [text(o) for o in given if is_one(o)], True)
            if launcher_of(fixed) != self.launcher:
                raise UserError(
                    f"hydra/launcher={self.launcher} comes from a preset that is swept over, and one "
                    f"launcher does all jobs: add hydra/launcher={self.launcher}"
                )
        self.limits = {key: self.settings[key] for key in ("workers", "timeout", "on_error")}
        self.rerun, self.tracker = bool(plain.rerun), str(plain.tracking.name)
        rules.check_value("study", str(plain.study))
        for key, value in self.settings.items():
            rules.check_value(f"sweep.{key}", value)
        named = {override.key_or_group for override in given}

        def of_config(params: Any) -> list[Override]:
            return parse([f"{k}={v}" for k, v in (params or {}).items() if k not in named])

        self.overrides = of_config(OmegaConf.select(plain, "hydra.sweeper.params")) + given
        self.space: dict[str, Override] = {}
        if self.settings["trials"]:
            searched = self.settings["params"]
            several = [o for o in given if not is_one(o)]
            over = [o for o in several if o.key_or_group in searched or not o.is_discrete_sweep()]
            self.space = {o.get_key_element(): o for o in of_config(searched) + over}
        if self.settings["trials"] and self.settings["match_cells"]:
            seeds = any(o.key_or_group == "seed" and not is_one(o) for o in self.overrides)
            require_matchable(self.space, seeds)
        for override in self.space.values():
            space: Any = override.value()
            if isinstance(space, IntervalSweep) and not space.start < space.end:  # type: ignore[operator]
                raise UserError(f"{text(override)}: the first limit must be below the second")
            if isinstance(space, IntervalSweep) and "log" in space.tags and not space.start > 0:  # type: ignore[operator]
                raise UserError(f"{text(override)}: limits of a logarithmic range must be greater than 0")

    def combinations(self) -> list[tuple[str, list[str]]]:
        """Return each combination of the values not searched over: its name, and overrides with one value each."""
        last = {override.get_key_element(): override for override in self.overrides}
        overrides = [override for key, override in last.items() if key not in self.space]
        swept = [not is_one(o) for o in overrides]
        every = dict.fromkeys(itertools.product(*map(values, overrides)))
        found = [(" ".join(itertools.compress(chosen, swept)), list(chosen)) for chosen in every]
        return match_cells(found, config_of) if self.settings["match_cells"] else found

    def listing(self) -> str:
        """Return a line for each job, with the folder of its run; of a search, for each combination searched for."""
        jobs = self.jobs()
        if self.space:
            over = ", ".join(text(override) for override in self.space.values())
            return "\n".join(
                f"{job.name if job.name != ONLY else 'all'}: {self.settings['trials']} trials over {over}, in "
                f"{RunFolder(job.folder.path.parent)}"
                for job in jobs
            )
        return "\n".join(f"{job.name}: {job.folder}" for job in jobs)

    def jobs(self) -> list[Job]:
        """Return a job for each combination; combinations that are the same experiment share one."""
        return distinct(make_job(name or ONLY, texts) for name, texts in self.combinations())


def launcher_of(cfg: DictConfig) -> str | None:
    """Return the launcher that a config names in Hydra's section; None for Hydra's default."""
    chosen = cfg.hydra.runtime.choices["hydra/launcher"]
    return None if chosen == "basic" else chosen


def distinct(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs without those that are the same experiment as one before."""
    found: dict[Path, Job] = {}
    for job in jobs:
        same = found.setdefault(job.folder.path, job)
        if hashes(same.config) != hashes(job.config):
            raise UserError(f"{same.name} and {job.name} would share {job.folder}: leave hydra.run.dir out")
    return list(found.values())


def config_of(overrides: list[str]) -> dict[str, Any]:
    """Return the config of these overrides, each with one value."""
    return schema.resolve(schema.typed(compose("config", overrides)))


def make_job(name: str, overrides: list[str]) -> Job:
    """Return the job of these overrides, each with one value."""
    with named(name), in_plain_words():
        return job_of(name, compose("config", overrides, return_hydra_config=True), overrides)


def require_same_folder(cfg: DictConfig) -> None:
    """Raise UserError where a config asks Hydra to change the current folder, from which all paths lead."""
    if cfg.hydra.job.chdir:
        raise UserError(
            "hydra.job.chdir=true does not go here, paths lead from the current folder: hydra.run.dir=FOLDER says "
            "where a run goes"
        )


def job_of(name: str, cfg: DictConfig, overrides: list[str]) -> Job:
    """Return the job of a composed config, whose section `hydra` names the folder; UserError for an impossible one."""
    rules.check_value("study", str(cfg.study))  # which becomes a part of the path
    given: Any = OmegaConf.to_container(cfg)
    config = schema.resolve(schema.typed({key: value for key, value in given.items() if key != "hydra"}))
    path = str(OmegaConf.select(cfg, "hydra.run.dir") or "")
    if not path.strip():
        raise UserError("hydra.run.dir has no value: name a folder, or leave it out")
    folder = RunFolder(Path(path).absolute())
    require_room(folder.path)
    return Job(name, config, folder, overrides)
