"""Carry out runs on a machine that has neither Hydra nor MLflow, such as a GPU machine lent for an hour.

python -m rnnexp.apart FOLDER [FOLDER ...] [dataset.dir=DIR] [dataset.path=FILE] [device=gpu]

`rnnexp -m ... sweep.prepare=true` writes the run folders, with nothing but their configs. Bring them to the
other machine and name them here, or a folder that holds them: what has finished is left alone, what was begun
goes on from its checkpoint, each failure is told at the end. Bring them back, and python -m rnnexp.sync
delivers them. What follows the folders says where the runs find their data and what computes, if that differs
there.
"""

import sys
from pathlib import Path
from typing import Any

from rnnexp import build, runner
from rnnexp.errors import UserError, one_line
from rnnexp.folder import RunFolder
from rnnexp.job import log_to

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


def carry_out(path: Path, changes: dict[str, str]) -> None:
    folder = RunFolder(path)
    config = changed(folder.load_config(), changes)
    build.check(config)
    log_to(path / "rnnexp.log", "console")
    runner.carry_out(config, folder, deliver=False)


def main() -> None:
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(__doc__))
    given = sys.argv[1:]
    changes = dict(argument.split("=", 1) for argument in given if "=" in argument)
    found = [Path(argument) for argument in given if "=" not in argument]
    configs = sorted({config.parent.absolute() for top in found for config in top.rglob("config.yaml")})
    if unknown := changes.keys() - set(CHANGEABLE):
        sys.exit(f"rnnexp.apart: {min(unknown)}= is not known: the options are {', '.join(CHANGEABLE)}")
    if not configs:
        sys.exit("rnnexp.apart: name run folders, which rnnexp -m ... sweep.prepare=true makes")
    failed = []
    for path in configs:
        try:
            carry_out(path, changes)
        except KeyboardInterrupt:
            sys.exit(130)
        except (UserError, OSError, MemoryError) as error:
            failed.append(f"{path.name}: {one_line(error) or type(error).__name__}")
    if failed:
        sys.exit("\n".join(f"rnnexp.apart: {line}" for line in failed))


if __name__ == "__main__":
    main()
