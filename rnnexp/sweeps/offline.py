"""Carry out runs on a machine that has neither Hydra nor MLflow, such as a GPU machine lent for an hour.

python -m rnnexp.sweeps.offline FOLDER [FOLDER ...] [dataset.dir=DIR] [dataset.path=FILE] [device=gpu] [workers=1]

`rnnexp -m ... sweep.prepare=true` writes the run folders, with nothing but their configs. Bring them to the
other machine and name them here, or a folder that holds them: what has finished is left alone, what was begun
goes on from its checkpoint, Ctrl-C saves one. Bring them back, and python -m rnnexp.cli.sync delivers them. What
follows the folders says where the runs find their data and what computes, if that differs there. workers: how
many run at a time; by default one on a GPU, else as many as there are cores. It runs in a checkout, and needs
numpy, pyyaml, filelock, psutil, threadpoolctl and tqdm, for a GPU CuPy.
"""

import signal
import sys
from pathlib import Path
from typing import Any

from rnnexp.errors import Interrupted, UserError, one_line
from rnnexp.experiment import build, runner
from rnnexp.records.fingerprint import hashes
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.scheduler import Job, Sweep, carry_out
from rnnexp.tracking.client import NullClient

CHANGEABLE = "dataset.dir", "dataset.path", "device"  # none of which defines the result


def changed(config: dict[str, Any], changes: dict[str, str]) -> dict[str, Any]:
    """The config with other values of those dotted keys that it has."""
    for key, value in changes.items():
        section, _, option = key.rpartition(".")
        if section and option in config[section]:
            config = config | {section: config[section] | {option: str(Path(value).absolute())}}
        elif not section and value != config[option]:  # another device has other engines
            config = config | {option: value, "engine": None, "threads": None}
    return config


def jobs(folders: list[Path], changes: dict[str, str]) -> list[Job]:
    """A job for each run folder in these; UserError where one cannot be carried out."""
    if unknown := changes.keys() - set(CHANGEABLE):
        raise UserError(
            f"{min(unknown)}= is not known: the options are {', '.join([*CHANGEABLE, 'workers'])}"
        )
    for top in folders:
        if not top.is_dir():
            raise UserError(f"{top} is no folder")
    found = []
    for path in sorted({file.parent.absolute() for top in folders for file in top.rglob("config.yaml")}):
        folder = RunFolder(path)
        try:
            config = runner.with_recorded_engine(changed(folder.load_config(), changes), folder)
            build.check(config)
            same = hashes(config)[0][:8] in path.name
        except UserError as error:
            raise UserError(f"{folder}: {error}") from error
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{folder.config_file} is not as sweep.prepare=true wrote it: {error!r}"
            ) from error
        if "dataset.path" in changes and not same:
            raise UserError(
                f"{folder}: dataset.path={changes['dataset.path']} holds another text than its own"
            )
        found.append(Job(path.name, config, folder))
    if not found:
        raise UserError("name run folders, which rnnexp -m ... sweep.prepare=true makes")
    return found


def main() -> None:
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(__doc__))
    folders = [Path(argument) for argument in sys.argv[1:] if "=" not in argument]
    changes = dict(argument.split("=", 1) for argument in sys.argv[1:] if "=" in argument)
    workers = changes.pop("workers", None)
    try:
        if workers is not None and (not workers.isdigit() or workers == "0"):
            raise UserError(f"workers={workers} must be a number from 1")
        number = int(workers) if workers else None
        work = Sweep(jobs(folders, changes), number, timeout=None, on_error="keep_going")
        work.tracker = NullClient()  # whoever brings the folders home delivers them
        prepared = [(job.folder, job.folder.load_config()) for job in work.jobs]
        try:
            carry_out(work, work.run)
        finally:
            for folder, config in prepared:
                if not (folder.path / "last.npz").exists():
                    folder.prepare(config)  # what failed at once leaves no trace of this machine
    except (UserError, OSError) as error:
        sys.exit(f"rnnexp.sweeps.offline: {one_line(error)}")
    except KeyboardInterrupt as stop:
        sys.exit(128 + (stop.signum if isinstance(stop, Interrupted) else signal.SIGINT))


if __name__ == "__main__":
    main()
