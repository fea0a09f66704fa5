"""Train what Hydra composes from conf/ and the overrides; with -m, every combination of them.

rnnexp [train] [GROUP=OPTION] [KEY=VALUE] ...
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from omegaconf import DictConfig, open_dict

from rnnexp.cli import resume
from rnnexp.cli.reporting import report_on
from rnnexp.compute import engine
from rnnexp.errors import UserError
from rnnexp.experiment import recorded, rules, runner, schema
from rnnexp.output import say
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps import launchers, offline
from rnnexp.sweeps.labels import label
from rnnexp.sweeps.request import compose_one, job_of, open_request
from rnnexp.sweeps.scheduler import Sweep, run_sweep
from rnnexp.sweeps.worker import CONF

SHOWING = "cfg", "info", "hydra_help", "shell_completion"  # Hydra's flags that run nothing


def run(arguments: list[str]) -> None:
    """Carry out a command line that trains: one run, or with -m a sweep."""
    schema.register()
    resumed = [argument for argument in arguments if argument.startswith("resume=")]
    if resumed:
        if len(arguments) > 1:
            raise UserError(f"{resumed[0]} goes on with the run's own config: give it alone")
        resume.run([resumed[0].removeprefix("resume=")])
    elif {"-m", "--multirun"} & set(arguments):
        sweep([argument for argument in arguments if argument not in ("-m", "--multirun")])
    elif any(getattr(given := get_args_parser().parse_args(arguments), flag) for flag in SHOWING):
        start()
    else:
        if given.config_path or given.experimental_rerun:
            raise UserError(
                "--config-path and --experimental-rerun do not go here: --config-dir adds configs"
            )
        more = [f"hydra.searchpath=[file://{Path(given.config_dir).absolute()}]"] if given.config_dir else []
        one_run(compose_one([*given.overrides, *more], given.config_name or "config"), given.overrides)


def one_run(cfg: DictConfig, overrides: list[str]) -> None:
    """Do the run that Hydra has composed of these overrides; nothing is made before all of it is checked.

    (Hydra itself would make the run's folder first, from names that nobody has looked at.)
    """
    for key in "trials", "prepare":
        if cfg.sweep[key]:
            raise UserError(f"sweep.{key}={str(cfg.sweep[key]).lower()} is for many runs: add -m")
    job = job_of("", cfg, overrides)
    recorded.require_same_engine(job.config, job.folder)
    config = recorded.with_recorded_engine(job.config, job.folder)
    rules.check(config, elsewhere=job.finished_before())
    with open_dict(cfg):
        cfg.hydra.runtime.output_dir = str(job.folder.path)
    configure_log(cfg.hydra.job_logging, cfg.hydra.verbose)
    runner.run_experiment(config, job.folder, overrides=overrides)


# SLURM's launcher pickles it by the name of this module, which must therefore never run as __main__
@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def start(cfg: DictConfig) -> float:
    """Do a job that another launcher was given, in the folder that Hydra made; return the best validation perplexity.

    A job that a cluster starts again elsewhere waits until the process before it counts as dead.
    """
    folder = RunFolder(Path(HydraConfig.get().runtime.output_dir))
    asked = schema.resolve(schema.typed(cfg))
    recorded.require_same_engine(asked, folder)
    config = recorded.with_recorded_engine(asked, folder)
    rules.check(config)
    overrides = HydraConfig.get().overrides.task
    return runner.run_experiment(config, folder, wait=True, overrides=overrides)["best/valid_ppl"]


def sweep(overrides: list[str]) -> None:
    """Run every combination of the overrides, or search for good ones; UserError where a job failed."""
    with open_request(overrides) as request:
        if request.settings["prepare"] and request.settings["trials"]:
            raise UserError("a search must see results: leave sweep.prepare out")
        launchers.check(request)
        reports = request.settings["report"]
        if reports and request.tracker != "mlflow":
            raise UserError("the report reads what MLflow has: add tracking=mlflow or sweep.report=false")
        how = {key: request.settings[key] for key in ("workers", "timeout", "on_error")}
        if request.settings["trials"]:
            from rnnexp.sweeps.search import Search  # imports Optuna, which is an extra

            search = Search(request, **how)
            run_sweep(search, search.run)
            jobs = search.best()
        else:
            jobs = request.jobs()
            for job in jobs:
                job.label = label(job, request)
    if request.settings["prepare"]:
        say(offline.prepare(jobs))
        return
    work = Sweep(jobs, **how)
    do: Callable[[], None] = work.run
    if request.launcher:
        sys.argv[1:] = ["-m", *overrides]
        do = partial(launchers.hand_over, work, start)
    else:
        for device in {job.config["device"] for job in jobs if not job.folder.result_file.exists()} - {"cpu"}:
            engine.require(engine.fastest(device), device)
    try:
        run_sweep(work, do)
    except UserError:  # of jobs that failed: the others count all the same
        if reports:
            report_on(jobs)
        raise
    if reports:
        report_on(jobs)
