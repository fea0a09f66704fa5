"""The command line: `rnnexp` runs what Hydra composes, `rnnexp resume=FOLDER` goes on with a run."""

import logging
import logging.config
import math
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnexp import build, help, progress, runner, schema
from rnnexp.errors import Interrupted, UserError, one_line
from rnnexp.folder import RunFolder
from rnnexp.signals import stop_requests

log = logging.getLogger(__name__)
CONF = Path(__file__).resolve().parent / "conf"  # in a checkout a link to the conf/ at the top
FULL_ERRORS = os.environ.get("HYDRA_FULL_ERROR", "0") not in ("", "0")


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def start(cfg: DictConfig) -> float:
    """A new run in the folder that Hydra made; returns the best validation perplexity."""
    sweep = progress.sweep_folder()
    if sweep:  # the sweep's bar has the screen; the job's log file has the rest
        for handler in logging.getLogger().handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.setLevel(logging.WARNING)
        if multiprocessing.current_process().name.startswith("Loky"):
            # Ctrl-C reaches every process of a terminal; between two jobs only the sweep answers it
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        config = build.resolve(schema.typed(cfg))
        if not sweep:  # a job of a sweep is refused by `execute`, which leaves a record of it
            build.check(config)
        with RunFolder(Path(HydraConfig.get().runtime.output_dir)) as folder:
            folder.begin(config)
            return runner.execute(config, folder)["best/valid_ppl"]
    except (UserError, OSError) as error:
        if sweep:  # the other jobs go on; Hydra raises it again when all are done
            log.error("%s failed: %s", " ".join(HydraConfig.get().overrides.task), one_line(error))
            raise UserError(one_line(error)) from error
        if FULL_ERRORS:
            raise
        give_up(one_line(error))
    except Interrupted:
        if not sweep:
            raise
        return math.inf  # raised, it would make joblib kill the jobs that are still saving


def resume(path: Path) -> None:
    """Go on with the run in a folder, with its own config."""
    folder = RunFolder(path.resolve())
    config = build.resolve(schema.typed(folder.load_config()))
    build.check(config)
    with folder:
        log_to(folder.path / "rnnexp.log")
        if metrics := folder.result():
            runner.report(config, folder, metrics)
            print(f"{path} has finished: test perplexity {metrics['test/ppl']:.4g}")
        else:
            runner.execute(config, folder)


def log_to(file: Path) -> None:
    """Log as a run that Hydra starts does."""
    logging_config: Any = OmegaConf.to_container(OmegaConf.load(CONF / "hydra/job_logging/rnnexp.yaml"))
    logging_config["handlers"]["file"]["filename"] = str(file)
    logging.config.dictConfig(logging_config)


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
        # Hydra's parser takes options before overrides only
        sys.argv[1:] = sorted(arguments, key=lambda argument: argument not in ("-m", "--multirun"))
        with progress.sweep_bar(count_jobs(arguments)) as shared, stop_requests(shared) as raise_if_asked:
            try:
                start()
            finally:
                raise_if_asked()
    else:
        for override in parsed(arguments):  # Hydra would write its own files there before `start` runs
            if override.key_or_group == "hydra.run.dir":
                RunFolder(Path(str(override.value()))).require_new()
            if override.key_or_group == "study":
                build.check_value("study", str(override.value()))
        start()


def parsed(arguments: list[str]) -> list[Override]:
    """The overrides among the arguments; none where Hydra is to say what is wrong with them."""
    try:
        return OverridesParser.create().parse_overrides([a for a in arguments if not a.startswith("-")])
    except HydraException:
        return []


def count_jobs(arguments: list[str]) -> int:
    """How many jobs the overrides of a sweep make, as far as they say so themselves."""
    sweeps = [o for o in parsed(arguments) if isinstance(o.value(), ChoiceSweep | RangeSweep)]
    return math.prod(len(list(override.sweep_string_iterator())) for override in sweeps)


def give_up(message: str) -> NoReturn:
    print(f"rnnexp: {message}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
