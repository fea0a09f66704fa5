"""Train what Hydra composes from conf/ and the overrides; with -m, every combination of them.

rnnexp [train] [GROUP=OPTION] [KEY=VALUE] ...
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra import compose
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.core.utils import configure_log
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from rnnexp.cli import config_dir, flags, resume, searching
from rnnexp.cli.carrying_out import finish
from rnnexp.errors import UserError
from rnnexp.experiment import build, recorded, runner, schema
from rnnexp.experiment.mistakes import hydra_raises, in_plain_words
from rnnexp.experiment.versions import CALLED, VERSION_BASE
from rnnexp.installation import CONF
from rnnexp.output import say
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps import launchers, offline
from rnnexp.sweeps.composition import job_of, require_same_folder
from rnnexp.sweeps.configs import open_configs
from rnnexp.sweeps.job import Job
from rnnexp.sweeps.labels import label
from rnnexp.sweeps.overrides import parse, texts
from rnnexp.sweeps.request import Request
from rnnexp.sweeps.scheduler import Sweep

MANY, ONE = RunMode.MULTIRUN.name, RunMode.RUN.name  # of hydra.mode


def run(arguments: list[str]) -> None:
    """Carry out a command line that trains: one run, or with -m a sweep."""
    given = flags.read(arguments)
    resumed = [argument for argument in given.overrides if argument.startswith("resume=")]
    if resumed:
        if len(config_dir.split(arguments)[0]) > 1:
            raise UserError(f"{resumed[0]} goes on with the run's own config: give it alone")
        resume.run([resumed[0].removeprefix("resume=")])
        return
    if any(getattr(given, flag) for flag in flags.SHOWING):
        hydra_itself(given, given.overrides)
        return
    with open_configs(given.config_dir):
        overrides = parse(given.overrides)
        modes = [override.value() for override in overrides if override.key_or_group == "hydra.mode"]
        several = given.multirun or MANY in modes
        of_many = [] if several or given.cfg else [o for o in overrides if is_of_launcher(o)]
        one = [o for o in overrides if o not in of_many]
        cfg: Any = None if several else compose(given.config_name or "config", texts(one), True)
        several = several or cfg.hydra.mode == RunMode.MULTIRUN
        if of_many and not several:
            raise UserError(f"{texts(of_many)[0]} is for many runs: add -m")
        if several:
            refuse_with_many(given, modes)
            request = Request(overrides, given.overrides)
            if given.cfg:
                say(request.listing())
                return
            if request.settings["trials"]:
                check(request)
                searching.run(request, given)
                return
            jobs = jobs_of(request)
    if several:
        given.multirun = True
        sweep(request, jobs, flags.for_hydra(given, texts(overrides)))
    elif given.cfg:
        hydra_itself(given, texts(overrides))
    else:
        one_run(cfg, given.overrides)


def is_of_launcher(override: Override) -> bool:
    """Return whether an override is about another launcher than Hydra's own, which does one run after the other."""
    key = override.key_or_group
    return key.startswith("hydra.launcher.") or (key == "hydra/launcher" and override.value() != "basic")


def refuse_with_many(given: Namespace, modes: Sequence[object]) -> None:
    """Raise UserError for what does not go with -m, given the flags and the values of hydra.mode."""
    if ONE in modes:
        raise UserError("hydra.mode=RUN is for one run, -m for many: leave one out")
    if given.config_name:
        raise UserError("--config-name does not go with -m: leave it out")
    if given.cfg not in (None, "job"):
        raise UserError(f"--cfg {given.cfg} shows one config: leave -m out")


def hydra_itself(given: Namespace, overrides: list[str]) -> None:
    """Have Hydra show a config, or tell about itself."""
    sys.argv[1:] = flags.for_hydra(given, overrides)
    schema.register()
    with in_plain_words():
        start()


def one_run(cfg: DictConfig, overrides: list[str]) -> None:
    """Do the run that Hydra has composed of these overrides; nothing is made before all of it is checked.

    (Hydra itself would make the run's folder first, from names that nobody has looked at.)
    """
    for key in "trials", "prepare":
        if cfg.sweep[key]:
            chosen = cfg.hydra.runtime.choices["sweep"]
            if f"sweep={chosen}" in overrides:
                raise UserError(f"sweep={chosen} is for many runs: add -m")
            raise UserError(f"sweep.{key}={str(cfg.sweep[key]).lower()} is for many runs: add -m")
    require_same_folder(cfg)
    job = job_of("", cfg, overrides)
    has_finished = job.finished_before()
    config = recorded.checked(job.config, job.folder, elsewhere=has_finished)
    if not has_finished:
        build.require_text(config)
    with open_dict(cfg):
        cfg.hydra.runtime.output_dir = str(job.folder.path)
    configure_log(cfg.hydra.job_logging, cfg.hydra.verbose, **CALLED)
    runner.run_experiment(config, job.folder, overrides=overrides)


# SLURM's launcher pickles it by the name of this module, which must therefore never run as __main__
@hydra_raises()
@hydra.main(**VERSION_BASE, **CALLED, config_path=str(CONF), config_name="config")
def start(cfg: DictConfig) -> float:
    """Do a job that another launcher was given, in the folder that Hydra made; return the best validation perplexity.

    A job that a cluster starts again elsewhere waits until the process before it counts as dead.
    """
    folder = RunFolder(Path(HydraConfig.get().runtime.output_dir))
    config = recorded.checked(schema.resolve(schema.typed(cfg)), folder)
    overrides = HydraConfig.get().overrides.task
    return runner.run_experiment(config, folder, wait=True, overrides=overrides)["best/valid_ppl"]


def check(request: Request) -> None:
    """Raise UserError where a sweep asks for what does not go together."""
    if request.settings["prepare"] and request.settings["trials"]:
        raise UserError("a search must see results: leave sweep.prepare out")
    launchers.check(request)
    if request.settings["report"] and request.tracker != "mlflow":
        raise UserError("the report reads what MLflow has: add tracking=mlflow or sweep.report=false")


def jobs_of(request: Request) -> list[Job]:
    """Return the jobs of a sweep that is no search."""
    check(request)
    jobs = request.jobs()
    for job in jobs:
        job.label = label(job, request)
    return jobs


def sweep(request: Request, jobs: list[Job], for_launcher: list[str]) -> None:
    """Run the jobs of a sweep; UserError where one failed.

    for_launcher : the command line with which Hydra itself has another launcher do the same.
    """
    if request.settings["prepare"]:
        say(offline.prepare(jobs))
        return
    work = Sweep(jobs, **request.limits)
    do: Callable[[], None] = work.run
    if request.launcher:
        sys.argv[1:] = for_launcher
        do = partial(launchers.hand_over, work, start)
    finish(work, do, request)
