"""Do prepared runs on a machine that has neither Hydra nor MLflow, such as a GPU machine lent for an hour."""

from pathlib import Path
from typing import Any

from rnnexp.errors import UserError, one_line
from rnnexp.experiment import recorded, rules
from rnnexp.experiment.config_hash import hashes
from rnnexp.experiment.progress import counted
from rnnexp.records.files import from_home
from rnnexp.records.folder import RunFolder
from rnnexp.records.found import FAILED, INTERRUPTED, fate, run_folders
from rnnexp.records.reading import Damaged
from rnnexp.sweeps.job import Job
from rnnexp.sweeps.scheduler import Sweep, require_possible, run_sweep
from rnnexp.tracking.client import NullClient


def prepare(jobs: list[Job]) -> str:
    """Write the configs of the jobs into their folders, for `rnnexp offline`; return a line about it."""
    require_possible(jobs, elsewhere=True)
    new = [job for job in jobs if not job.folder.state()]
    for job in counted(new, "prepared"):
        job.folder.prepare(job.config)
        job.give_label()
    others = " (the others have begun)" if len(new) < len(jobs) else ""
    return f"{len(new)} of {len(jobs)} jobs prepared in {RunFolder(jobs[0].folder.path.parent)}{others}"


def changed(config: dict[str, Any], changes: dict[str, str]) -> dict[str, Any]:
    """Return the config with other values of those dotted keys that it has."""
    for key, value in changes.items():
        section, _, option = key.rpartition(".")
        if section and option in config[section]:
            config = config | {section: config[section] | {option: str(from_home(value).absolute())}}
        elif not section and value != config[option]:  # another device has other engines
            config = config | {option: value, "engine": None, "threads": None}
    return config


def find_jobs(folders: list[Path], changes: dict[str, str]) -> list[Job]:
    """Return a job for each run folder in these; UserError where one cannot be done."""
    found = []
    for folder in run_folders(folders) if folders else ():
        if not folder.config_file.exists():
            continue
        try:
            config = recorded.with_recorded_engine(changed(folder.load_config(), changes), folder)
            rules.check(config, made=True)
            if "dataset.path" in changes:
                rules.check_files(config)
            same = hashes(config)[0][:8] in folder.path.name
        except Damaged as error:
            found.append(Job(folder.path.name, {}, folder, outcome="failed", error=one_line(error)))
            continue
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
        found.append(Job(folder.path.name, config, folder))
    if not found:
        raise UserError("name run folders, which rnnexp -m ... sweep.prepare=true makes")
    return found


def run_offline(jobs: list[Job], workers: int | None) -> None:
    """Do the jobs without delivering to any store; a job that fails at once leaves its folder as it was prepared."""
    work = Sweep(jobs, workers, timeout=None, on_error="keep_going")
    work.tracker = NullClient()  # whoever brings the folders home delivers them
    prepared = [(job.folder, job.folder.load_config()) for job in work.waiting]
    try:
        run_sweep(work, work.run)
    finally:
        for folder, config in prepared:
            if fate(folder) in (FAILED, INTERRUPTED) and not folder.checkpoint_file.exists():
                folder.prepare(config)  # no trace of this machine
