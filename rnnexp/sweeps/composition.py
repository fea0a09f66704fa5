"""Have Hydra compose the config of a job, and find the folder of its run."""

from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from rnnexp.errors import UserError
from rnnexp.experiment import rules, schema
from rnnexp.experiment.typed import require_typed_counts
from rnnexp.records.brought import require_room
from rnnexp.records.files import from_home
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.job import Job


def config_of(overrides: list[str]) -> dict[str, Any]:
    """Return the config of these overrides, each with one value."""
    return schema.resolve(schema.typed(compose("config", overrides)))


def job_of(name: str, cfg: DictConfig, overrides: list[str]) -> Job:
    """Return the job of a composed config, whose section `hydra` names the folder; UserError for an impossible one."""
    return job_in(name, cfg, schema.resolve(without_hydra(cfg)), overrides)


def job_in(name: str, cfg: DictConfig, config: dict[str, Any], overrides: list[str]) -> Job:
    """Return the job with this config in the folder that a composed config names."""
    require_typed_counts(overrides, config)
    rules.check_value("study", str(cfg.study))  # which becomes a part of the path
    return Job(name, config, folder_at(str(OmegaConf.select(cfg, "hydra.run.dir") or "")), overrides)


def without_hydra(cfg: DictConfig) -> DictConfig:
    """Return a composed config without Hydra's section, with every key and its type checked."""
    given: Any = OmegaConf.to_container(cfg)
    return schema.typed({key: value for key, value in given.items() if key != "hydra"})


def folder_at(path: str) -> RunFolder:
    """Return the run folder at a path; UserError where there is something else, or no path."""
    if not path.strip():
        raise UserError("hydra.run.dir has no value: name a folder, or leave it out")
    folder = RunFolder(from_home(path).absolute())
    require_room(folder.path)
    return folder


def require_same_folder(cfg: DictConfig) -> None:
    """Raise UserError where a config asks Hydra to change the current folder, from which all paths lead."""
    if cfg.hydra.job.chdir:
        raise UserError(
            "hydra.job.chdir=true does not go here, paths lead from the current folder: hydra.run.dir=FOLDER says "
            "where a run goes"
        )
