"""Carry out runs on a machine that has neither Hydra nor MLflow, such as a GPU machine lent for an hour.

python -m rnnexp.apart FOLDER [FOLDER ...] [dataset.dir=DIR] [dataset.path=FILE] [device=gpu] [workers=1]

`rnnexp -m ... sweep.prepare=true` writes the run folders, with nothing but their configs. Bring them to the
other machine and name them here, or a folder that holds them: what has finished is left alone, what was begun
goes on from its checkpoint, Ctrl-C saves one. Bring them back, and python -m rnnexp.sync delivers them. What
follows the folders says where the runs find their data and what computes, if that differs there. workers: how
many run at a time; by default one on a GPU, else as many as there are cores.
"""

import signal
import sys
from pathlib import Path
from typing import Any

from rnnexp import build
from rnnexp.errors import Interrupted, UserError, one_line
from rnnexp.folder import RunFolder
from rnnexp.sweep import Job, Sweep, carry_out
from rnnexp.tracking import NullTracker

CHANGEABLE = "dataset.dir", "dataset.path", "device"  # none of which defines the result


def changed(config: dict[str, Any], changes: dict[str, str]) -> dict[str, Any]:
    """The config with other values of dotted keys."""
    for key, value in changes.items():
        section, _, option = key.rpartition(".")
        if option not in (config[section] if section else config):
            raise UserError(f"{key}={value}: the run has no such key")
        if section:
            config = config | {section: config[section] | {option: str(Path(value).absolute())}}
        else:
            config = config | {option: value}
    return config


def jobs(folders: list[Path], changes: dict[str, str]) -> list[Job]:
    """A job for each run folder in these; UserError where one cannot be carried out."""
    if unknown := changes.keys() - set(CHANGEABLE):
        raise UserError(
            f"{min(unknown)}= is not known: the options are {', '.join([*CHANGEABLE, 'workers'])}"
        )
    found = []
    for path in sorted({file.parent.absolute() for top in folders for file in top.rglob("config.yaml")}):
        folder = RunFolder(path)
        config = changed(folder.load_config(), changes)
        try:
            build.check(config)
        except UserError as error:
            raise UserError(f"{folder}: {error}") from error
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
        work.tracker = NullTracker()  # whoever brings the folders home delivers them
        carry_out(work, work.run)
    except (UserError, OSError) as error:
        sys.exit(f"rnnexp.apart: {one_line(error)}")
    except KeyboardInterrupt as stop:
        sys.exit(128 + (stop.signum if isinstance(stop, Interrupted) else signal.SIGINT))


if __name__ == "__main__":
    main()
