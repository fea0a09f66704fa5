"""The command line: `rnnexp` runs what Hydra composes, with -m every combination of it."""

import logging
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from rnnexp.cli import help
from rnnexp.compute import engine
from rnnexp.errors import Interrupted, UserError, one_line
from rnnexp.experiment import build, runner, schema
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.request import open_request
from rnnexp.sweeps.scheduler import Sweep, carry_out
from rnnexp.sweeps.worker import CONF, log_to

FULL_ERRORS = os.environ.get("HYDRA_FULL_ERROR", "0") not in ("", "0")


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def start(cfg: DictConfig) -> float:
    """A run in the folder that Hydra made; returns the best validation perplexity."""
    try:
        if cfg.sweep.trials and HydraConfig.get().mode == RunMode.RUN:
            raise UserError("a search makes many runs: add -m")
        if cfg.sweep.prepare and HydraConfig.get().mode == RunMode.RUN:
            raise UserError("sweep.prepare=true is for many runs: add -m")
        folder = RunFolder(Path(HydraConfig.get().runtime.output_dir))
        config = runner.with_recorded_engine(schema.resolve(schema.typed(cfg)), folder)
        build.check(config)
        # a job that a cluster starts again elsewhere waits until the process before it counts as dead
        wait = HydraConfig.get().mode == RunMode.MULTIRUN
        return runner.run_experiment(config, folder, wait)["best/valid_ppl"]
    except (UserError, OSError) as error:
        if FULL_ERRORS or HydraConfig.get().mode == RunMode.MULTIRUN:
            raise
        give_up(one_line(error))  # raised, it would make Hydra add a line of its own


def resume(path: Path) -> None:
    """Go on with the run in a folder, with its own config."""
    folder = RunFolder(path.resolve())
    config = schema.resolve(schema.typed(folder.load_config()))
    build.check(config)
    log_to(folder.path / "rnnexp.log", "console")
    runner.run_experiment(config, folder)


def sweep(arguments: list[str]) -> None:
    """Every combination of the overrides, or a search for good ones; UserError where a job failed."""
    elsewhere = [a for a in arguments if a.startswith(("hydra/launcher=", "hydra.launcher."))]
    if elsewhere and "rerun=true" in arguments:
        raise UserError(f"rerun=true does not go with {elsewhere[0]}: take another study")
    with open_request([a for a in arguments if a not in elsewhere]) as request:
        how = {key: request.settings[key] for key in ("workers", "timeout", "on_error")}
        if request.settings["trials"]:
            if request.settings["prepare"]:
                raise UserError("a search must see results: leave sweep.prepare out")
            from rnnexp.sweeps.search import Search  # imports Optuna, which is an extra

            if elsewhere:
                raise UserError(f"{elsewhere[0]}: a search hands out its trials one by one, on this machine")
            search = Search(request, **how)
            carry_out(search, search.run)
            work = Sweep(search.best(), **how)
        else:
            work = Sweep(request.jobs(), **how)
    if request.settings["prepare"]:
        prepare(work)
    elif elsewhere:
        sys.argv[1:] = ["-m", *arguments]
        carry_out(work, lambda: hand_over(work))
    else:
        for device in {job.config["device"] for job in work.jobs} - {"cpu"}:
            engine.require(engine.fastest(device), device)
        carry_out(work, work.run)


def prepare(work: Sweep) -> None:
    """Write the configs of the jobs into their folders, for `python -m rnnexp.sweeps.offline`."""
    for job in work.jobs:
        build.check(job.config, elsewhere=True)
    new = [job for job in work.jobs if not job.folder.state()]
    for job in new:
        job.folder.prepare(job.config)
    others = " (the others have begun)" if len(new) < len(work.jobs) else ""
    where = RunFolder(work.jobs[0].folder.path.parent)
    print(f"{len(new)} of {len(work.jobs)} jobs prepared in {where}{others}")


def hand_over(work: Sweep) -> None:
    """Have the launcher that the command names do the jobs, and look how they went."""
    try:
        start()
    except Exception as error:  # whatever another launcher raises
        raise UserError(f"the launcher says: {str(error).strip().partition(chr(10))[0]}") from error
    finally:
        for job in work.jobs:
            job.folder.mark_dead()
            state = job.folder.state()
            job.outcome, job.error = state.get("status", "not begun").lower(), state.get("error") or ""


def main() -> None:
    """Run, or say in one line what the user can do about it."""
    # Hydra would print its errors itself, several lines each, and exit; with this it raises them
    os.environ["HYDRA_FULL_ERROR"] = "1"
    logging.raiseExceptions = False  # when the output is piped into `head`, say
    try:
        command(sys.argv[1:])
    except KeyboardInterrupt as stop:
        sys.exit(128 + (stop.signum if isinstance(stop, Interrupted) else signal.SIGINT))
    except MemoryError as error:
        give_up(f"not enough memory: {one_line(error) or 'choose a smaller model or data set'}")
    except (UserError, HydraException, OmegaConfBaseException, OSError) as error:
        if FULL_ERRORS:
            raise
        causes = [error.__cause__] if isinstance(error.__cause__, OmegaConfBaseException) else []
        give_up("; ".join(map(one_line, [error, *causes])))


def command(arguments: list[str]) -> None:
    """Carry out a command line."""
    schema.register()
    if {"-h", "--help"} & set(arguments):
        print(help.text([argument for argument in arguments if not argument.startswith("-")], CONF))
        return
    resumed = [argument for argument in arguments if argument.startswith("resume=")]
    if resumed:
        if len(arguments) > 1:
            raise UserError(f"{resumed[0]} goes on with the run's own config: give it alone")
        resume(Path(resumed[0].removeprefix("resume=")))
    elif {"-m", "--multirun"} & set(arguments):
        sweep([argument for argument in arguments if argument not in ("-m", "--multirun")])
    else:
        for argument in arguments:  # Hydra makes the folder before `start` runs
            if argument.startswith("study="):
                build.check_value("study", argument.removeprefix("study="))
        start()


def give_up(message: str) -> NoReturn:
    print(f"rnnexp: {message}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    from rnnexp.cli.train import main  # so that what is sent to other machines has its proper name

    main()
