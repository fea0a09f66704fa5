"""Train what Hydra composes from conf/ and the overrides; with -m, every combination of them.

rnnexp [train] [GROUP=OPTION] [KEY=VALUE] ...
"""

import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from rnnexp.cli import resume
from rnnexp.cli.process import ThroughHydra
from rnnexp.cli.reporting import report_on
from rnnexp.compute import engine
from rnnexp.errors import UserError
from rnnexp.experiment import recorded, rules, runner, schema
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps import launchers, offline
from rnnexp.sweeps.labels import label
from rnnexp.sweeps.request import open_request
from rnnexp.sweeps.scheduler import Sweep, run_sweep
from rnnexp.sweeps.worker import CONF


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
    else:
        for argument in arguments:  # Hydra makes the folder before `start` runs
            if argument.startswith("study="):
                rules.check_value("study", argument.removeprefix("study="))
        start()


# SLURM's launcher pickles it by the name of this module, which must therefore never run as __main__
@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def start(cfg: DictConfig) -> float:
    """Do a run in the folder that Hydra made; return the best validation perplexity."""
    try:
        if cfg.sweep.trials and HydraConfig.get().mode == RunMode.RUN:
            raise UserError("a search makes many runs: add -m")
        if cfg.sweep.prepare and HydraConfig.get().mode == RunMode.RUN:
            raise UserError("sweep.prepare=true is for many runs: add -m")
        folder = RunFolder(Path(HydraConfig.get().runtime.output_dir))
        asked = schema.resolve(schema.typed(cfg))
        recorded.require_same_engine(asked, folder)
        config = recorded.with_recorded_engine(asked, folder)
        rules.check(config)
        # a job that a cluster starts again elsewhere waits until the process before it counts as dead
        wait = HydraConfig.get().mode == RunMode.MULTIRUN
        overrides = HydraConfig.get().overrides.task
        return runner.run_experiment(config, folder, wait, overrides=overrides)["best/valid_ppl"]
    except (UserError, OSError, MemoryError) as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            raise
        discard_refused(Path(HydraConfig.get().runtime.output_dir))
        raise ThroughHydra(1) from error


def discard_refused(folder: Path) -> None:
    """Remove the folder that Hydra made for a run, where it holds nothing but an empty log."""
    if all(path.suffix == ".log" and not path.stat().st_size for path in folder.iterdir()):
        shutil.rmtree(folder)


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
        print(offline.prepare(jobs))
        return
    work = Sweep(jobs, **how)
    do: Callable[[], None] = work.run
    if request.launcher:
        sys.argv[1:] = ["-m", *overrides]
        do = partial(launchers.hand_over, work, start)
    else:
        for device in {job.config["device"] for job in jobs} - {"cpu"}:
            engine.require(engine.fastest(device), device)
    try:
        run_sweep(work, do)
    except UserError:  # of jobs that failed: the others count all the same
        if reports:
            report_on(jobs)
        raise
    if reports:
        report_on(jobs)
