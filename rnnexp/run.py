"""The command line: `rnnexp` runs what Hydra composes, `rnnexp resume=FOLDER` goes on with a run."""

import logging
import math
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import configure_log
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnexp import build, runner, schema
from rnnexp.errors import Interrupted, UserError
from rnnexp.folder import RunFolder
from rnnexp.progress import sweep_bar

log = logging.getLogger(__name__)
CONF = Path(__file__).resolve().parent / "conf"  # in a checkout a link to the conf/ at the top


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def start(cfg: DictConfig) -> float:
    """A new run in the folder that Hydra made; returns the best validation perplexity."""
    sweeping = HydraConfig.get().mode == RunMode.MULTIRUN
    if sweeping:  # the sweep's bar has the screen; the job's log file has the rest
        screen = [h for h in logging.getLogger().handlers if not isinstance(h, logging.FileHandler)]
        for handler in screen:
            handler.setLevel(logging.WARNING)
    try:
        config = build.resolve(cfg)
        with RunFolder(Path(HydraConfig.get().runtime.output_dir)) as folder:
            folder.begin(config)
            return runner.execute(config, folder)["best/valid_ppl"]
    except UserError as error:
        if sweeping:  # the other jobs go on; Hydra raises it again when all are done
            log.error("%s failed: %s", " ".join(HydraConfig.get().overrides.task), error)
            raise
        give_up(str(error))


def resume(path: Path) -> None:
    """Go on with the run in a folder, with its own config."""
    if not path.is_dir():
        raise UserError(f"resume={path} is no folder")
    with RunFolder(path.resolve()) as folder:
        config = folder.load_config()
        logging_config = path / ".hydra" / "hydra.yaml"
        if logging_config.exists():
            configure_log(OmegaConf.load(logging_config).hydra.job_logging)
        if metrics := folder.result():
            print(f"{path} has finished: test perplexity {metrics['test/ppl']:.4g}")
        else:
            runner.execute(config, folder)


def main() -> None:
    """Run, or say in one line what the user can do about it."""
    arguments = sys.argv[1:]
    full_errors = "HYDRA_FULL_ERROR" in os.environ
    # Hydra would print its errors itself, several lines each, and exit; with this it raises them
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        if folders := [a.removeprefix("resume=") for a in arguments if a.startswith("resume=")]:
            if len(arguments) > 1:
                rest = " ".join(a for a in arguments if not a.startswith("resume="))
                raise UserError(f"resume={folders[0]} goes on with the run's own config: leave out {rest}")
            resume(Path(folders[0]))
        elif {"-m", "--multirun"} & set(arguments):
            schema.register()
            with sweep_bar(count_jobs(arguments)):
                start()
        else:
            for override in arguments:  # Hydra would write its own files there before any of our code runs
                if override.startswith("hydra.run.dir="):
                    RunFolder(Path(override.removeprefix("hydra.run.dir="))).require_new()
            schema.register()
            start()
    except KeyboardInterrupt as stop:
        sys.exit(128 + (stop.signum if isinstance(stop, Interrupted) else signal.SIGINT))
    except (UserError, HydraException, OmegaConfBaseException, OSError) as error:
        if full_errors:
            raise
        give_up(one_line(error))


def count_jobs(arguments: list[str]) -> int:
    """How many jobs the overrides of a sweep make."""
    try:
        overrides = OverridesParser.create().parse_overrides([a for a in arguments if not a.startswith("-")])
    except HydraException:
        return 1  # Hydra will say what is wrong with them
    sweeps = [o for o in overrides if o.is_choice_sweep() or o.is_range_sweep()]
    return math.prod(len(list(override.sweep_string_iterator())) for override in sweeps)


def one_line(error: Exception) -> str:
    """What an error says, in one line: Hydra's and OmegaConf's take several, the last ones for developers."""
    cause = error.__cause__
    lines = str(error).splitlines() + (
        str(cause).splitlines() if isinstance(cause, OmegaConfBaseException) else []
    )
    return "; ".join(
        line.strip() for line in lines if line.strip() and not line.startswith("    object_type")
    )


def give_up(message: str) -> NoReturn:
    print(f"rnnexp: {message}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
