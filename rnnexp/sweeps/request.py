"""Read a sweep from the command line: overrides, some with several values, composed by Hydra."""

import itertools
import sys
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
from rnnexp.experiment.progress import counted
from rnnexp.output import say
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.composer import Composer
from rnnexp.sweeps.composition import require_same_folder, without_hydra
from rnnexp.sweeps.job import ONLY, Job, named
from rnnexp.sweeps.matching import match_cells, require_matchable
from rnnexp.sweeps.overrides import is_one, parse, text, values
from rnnexp.sweeps.ranges import RATE, ends, inside


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
    composer : by which the configs of its jobs are made.
    """

    def __init__(self, given: list[Override], arguments: Sequence[str]):
        require_for_the_whole(given)
        say_dropped(given)
        plain = of_first_job(given)
        require_same_folder(plain)
        self.arguments, self.composer = list(arguments), Composer()
        self.settings: dict[str, Any] = dict(plain.sweep)
        self.launcher = launcher_of(plain)
        if self.launcher:  # Hydra finds it in a config without the overrides that are swept over
            fixed = composed([text(o) for o in given if is_one(o)])
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
        keys = {override.key_or_group for override in given}
        for key in "pruner", "best_seeds", "storage":
            if self.settings[key] and not self.settings["trials"]:
                raise UserError(
                    f"sweep.{key}={self.settings[key]} is for a search: add sweep=search or sweep.trials=N"
                )
        if keys & {"hydra.sweep.dir", "hydra.sweep.subdir"} and not self.launcher:
            raise UserError("hydra.sweep.dir is for launchers: hydra.run.dir=FOLDER says where a run goes")

        def of_config(params: Any) -> list[Override]:
            return parse([f"{k}={v}" for k, v in (params or {}).items() if k not in keys])

        self.overrides = of_config(OmegaConf.select(plain, "hydra.sweeper.params")) + given
        self.space: dict[str, Override] = {}
        if self.settings["trials"]:
            searched = self.settings["params"]
            several = [o for o in {o.key_or_group: o for o in given}.values() if not is_one(o)]
            over = [o for o in several if o.key_or_group in searched or not o.is_discrete_sweep()]
            self.space = {o.get_key_element(): o for o in of_config(searched) + over}
        if self.settings["trials"] and self.settings["match_cells"]:
            seeds = any(o.key_or_group == "seed" and not is_one(o) for o in self.overrides)
            require_matchable(self.space, seeds)
        for override in self.space.values():
            require_range(override)
        if RATE in self.space and not keys & {RATE, "sweep.params"}:
            require_holds(self.space[RATE], schema.resolve(without_hydra(plain))["optimizer"]["lr"])

    def combinations(self) -> list[tuple[str, list[str]]]:
        """Return each combination of the values not searched over: its name, and overrides with one value each."""
        last = {override.get_key_element(): override for override in self.overrides}
        overrides = [override for key, override in last.items() if key not in self.space]
        swept = [not is_one(o) for o in overrides]
        every = dict.fromkeys(itertools.product(*map(values, overrides)))
        found = [(" ".join(itertools.compress(chosen, swept)), list(chosen)) for chosen in every]
        return match_cells(found, self.composer.config) if self.settings["match_cells"] else found

    def require_drawn(self, combinations: list[tuple[str, list[str]]]) -> None:
        """Raise UserError where what a search may draw is impossible.

        That is a value by itself, or together a value inside each range with all first choices, or with all last ones.
        """
        seen: set[str] = set()
        for name, overrides in combinations:
            for end in itertools.chain.from_iterable(map(ends, self.space.values())):
                job = self.composer.job(" ".join(filter(None, [name, end])), [*overrides, end])
                with named(job.name):
                    rules.check_values(job.config)
            for drawn in dict.fromkeys(zip(*map(inside, self.space.values()))):
                job = self.composer.job(" ".join(filter(None, [name, *drawn])), [*overrides, *drawn])
                with named(job.name):
                    rules.check(job.config, elsewhere=bool(self.launcher), seen=seen)

    def listing(self) -> str:
        """Return a line for each job, with the folder of its run; of a search, for each combination searched for."""
        jobs = self.jobs()
        if self.space:
            self.require_drawn(self.combinations())
            over = ", ".join(text(override) for override in self.space.values())
            return "\n".join(
                f"{job.name if job.name != ONLY else 'all'}: {self.settings['trials']} trials over {over}, in "
                f"{RunFolder(job.folder.path.parent)}"
                for job in jobs
            )
        return "\n".join(f"{job.name}: {job.folder}" for job in jobs)

    def jobs(self) -> list[Job]:
        """Return a job for each combination; combinations that are the same experiment share one."""
        found = [(name or ONLY, overrides) for name, overrides in self.combinations()]
        return distinct(self.composer.job(*one) for one in counted(found, "checked"))


def require_for_the_whole(given: Iterable[Override]) -> None:
    """Raise UserError where a setting of the sweep itself has several values, or is a range to search over."""
    for override in given:
        key = override.key_or_group
        if key.startswith("sweep.params."):
            own = key.removeprefix("sweep.params.")
            raise UserError(f"{key}: give the key itself its range, as in '{own}=interval(1,2)'")
        if key.partition(".")[0] == "sweep" and not is_one(override):
            raise UserError(f"{text(override)} names several values, and a sweep is done by one: give one")


def say_dropped(given: Iterable[Override]) -> None:
    """Say which override with several values does not count, because its key is given again."""
    last: dict[str, Override] = {}
    for override in given:
        before = last.get(override.key_or_group)
        if before and not is_one(before):
            say(f"{text(before)} does not count: {text(override)} comes after it", sys.stderr)
        last[override.key_or_group] = override


def require_range(override: Override) -> None:
    """Raise UserError where nothing can be drawn from a range, or not in logarithms, or only luck is to be found."""
    if override.key_or_group == "seed":
        raise UserError(f"{text(override)}: the best seed is luck: give several, as in seed=0,1,2")
    space: Any = override.value()
    if not isinstance(space, IntervalSweep):
        return
    if not space.start < space.end:  # type: ignore[operator]
        raise UserError(f"{text(override)}: the first limit must be below the second")
    if "log" in space.tags and not space.start > 0:  # type: ignore[operator]
        raise UserError(f"{text(override)}: limits of a logarithmic range must be greater than 0")


def require_holds(override: Override, lr: float) -> None:
    """Raise UserError where a preset's range of learning rates does not hold the config's own: it is for others."""
    space: Any = override.value()
    if isinstance(space, IntervalSweep) and not space.start <= lr <= space.end:  # type: ignore[operator]
        raise UserError(
            f"the range of {RATE} that the preset searches, {space.start:g} to {space.end:g}, is not for a config with "
            f"{RATE}={lr:g}: give one, as in '{RATE}=tag(log,interval({lr / 10:g},{lr * 10:g}))'"
        )


def of_first_job(given: Iterable[Override]) -> DictConfig:
    """Return what Hydra composes of the first value of each sweep, because a key may come with a group's option.

    Raises
    ------
    UserError, which names the job, unless the last one is refused in the same words.
    """
    every = [(is_one(o), values(o)) for o in given if is_one(o) or o.is_discrete_sweep()]
    first, last = first_values(given), [each[-1] for _, each in every]
    name = " ".join(each[0] for one, each in every if not one)
    try:
        return composed(first)
    except UserError as error:
        try:
            composed(last)
        except UserError as of_last:
            if str(of_last) == str(error):
                raise
        with named(name or ONLY):
            raise


def first_values(given: Iterable[Override]) -> list[str]:
    """Return the overrides with the first value of each sweep, without those over a range."""
    return [values(o)[0] for o in given if is_one(o) or o.is_discrete_sweep()]


def composed(overrides: list[str]) -> DictConfig:
    """Return what Hydra composes, its own section included; what it refuses is a UserError in plain words."""
    with in_plain_words():
        return compose("config", overrides, return_hydra_config=True)


def launcher_of(cfg: DictConfig) -> str | None:
    """Return the launcher that a config names in Hydra's section; None for Hydra's default."""
    chosen = cfg.hydra.runtime.choices["hydra/launcher"]
    return None if chosen == "basic" else chosen


def distinct(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs without those that are the same experiment as one before."""
    found: dict[Path, Job] = {}
    for job in jobs:
        same = found.setdefault(job.folder.path, job)
        if same is not job and hashes(same.config) != hashes(job.config):
            raise UserError(f"{same.name} and {job.name} would share {job.folder}: leave hydra.run.dir out")
    return list(found.values())
