"""Do prepared runs on a machine that has neither Hydra nor MLflow, such as a GPU machine lent for an hour.

rnnexp offline FOLDER [FOLDER ...] [dataset.dir=DIR] [dataset.path=FILE] [device=gpu] [workers=1]

`rnnexp -m ... sweep.prepare=true` writes the run folders, with nothing but their configs. Bring them to the
other machine and name them here, or a folder that holds them: what has finished is left alone, what was begun
goes on from its checkpoint, Ctrl-C saves one. Bring them back, and `rnnexp sync` delivers them. The
options after the folders say where the runs find their data and what computes, if that differs there. workers: how many
run at a time; by default one on a GPU, else as many as there are cores. In a checkout that is not installed
it is `python -m rnnexp offline`; it needs numpy, pyyaml, filelock, psutil, threadpoolctl and tqdm, for a GPU
CuPy.
"""

from dataclasses import dataclass, field, fields

from rnnexp.command import arguments
from rnnexp.errors import UserError
from rnnexp.sweeps.offline import find_jobs, run_offline


@dataclass
class Options:
    """Hold the options of the command, without the folders."""

    dataset_dir: str | None = field(default=None, metadata={"key": "dataset.dir"})
    dataset_path: str | None = field(default=None, metadata={"key": "dataset.path"})
    device: str | None = None
    workers: int | None = None


def run(given: list[str]) -> None:
    """Do the runs in the folders that the arguments name."""
    folders, settings = arguments.split_paths(given, Options)
    options = arguments.read(settings, Options)
    if options.workers is not None and options.workers < 1:
        raise UserError(f"workers={options.workers} must be a number from 1")
    values = {arguments.key_of(f): getattr(options, f.name) for f in fields(options) if f.name != "workers"}
    changes = {key: value for key, value in values.items() if value is not None}
    run_offline(find_jobs(folders, changes), options.workers)
