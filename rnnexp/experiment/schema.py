"""The types of every config key: what Hydra checks a config and its overrides against.

The values stand in `conf/`. What chooses between classes (cell, dataset, optimizer, schedule) takes its
keys and types from the signature of what is chosen, so an option is declared in one place only.
"""

import inspect
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnexp import tracking
from rnnexp.data import DATASETS
from rnnexp.errors import UserError, one_line
from rnnexp.nn.cells import CELLS
from rnnexp.optim.base import OPTIMIZERS
from rnnexp.optim.schedules import SCHEDULES
from rnnexp.records.fingerprint import PATHS, run_name
from rnnexp.training.config import TrainConfig

CHOICES: dict[str, dict[str, Any]] = {
    "cell": CELLS,
    "dataset": DATASETS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "tracking": tracking.TRACKERS,
}
GIVEN = {"input_size", "hidden_size"}  # arguments of a cell that come from the model's config


@dataclass
class Choice:
    """What was chosen, by its name in `CHOICES`; its options are in a subclass of this."""

    name: str = MISSING


@dataclass
class ModelConfig:
    embed_size: int | None = MISSING
    hidden_size: int = MISSING
    num_layers: int = MISSING
    dropout: float = MISSING
    recurrent_dropout: float = MISSING
    variational: bool = MISSING
    tie_weights: bool = MISSING
    clip_through_time: float | None = MISSING
    init_std: float | None = MISSING
    match_params: int | None = None


@dataclass
class SweepConfig:
    workers: int | None = None
    timeout: float | None = None
    on_error: str = "keep_going"
    prepare: bool = False
    trials: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    pruner: str | None = None
    storage: str | None = None
    best_seeds: int = 0


@dataclass
class Config:
    study: str = MISSING
    seed: int = MISSING
    rerun: bool = False
    device: str = "cpu"
    threads: int | None = None
    engine: str | None = None
    tf32: bool = False
    cell: Choice = field(default_factory=Choice)
    model: ModelConfig = field(default_factory=ModelConfig)
    dataset: Choice = field(default_factory=Choice)
    optimizer: Choice = field(default_factory=Choice)
    schedule: Choice = field(default_factory=Choice)
    train: TrainConfig = MISSING
    tracking: Choice = field(default_factory=Choice)
    sweep: SweepConfig = field(default_factory=SweepConfig)


def options(chosen: Any) -> type:
    """A dataclass of the options of a class or function, for OmegaConf."""
    parameters = inspect.signature(chosen, eval_str=True).parameters.values()
    own = [p for p in parameters if p.name not in GIVEN]
    for p in own:
        if p.annotation is p.empty:
            raise UserError(
                f"{chosen.__module__}: its option {p.name} has no type; write {p.name}: float, say"
            )
    fields = [
        (p.name, p.annotation, field(default=MISSING if p.default is p.empty else p.default)) for p in own
    ]
    return make_dataclass("Options", fields, bases=(Choice,))


def typed(config: DictConfig | dict[str, Any]) -> DictConfig:
    """A config, saved or composed, with every key of it and its type checked, also keys added by +KEY."""
    checked = OmegaConf.structured(Config)
    for group, choices in CHOICES.items():
        name = config.get(group, {}).get("name")
        if name in choices:
            checked[group] = OmegaConf.structured(options(choices[name]))
        elif name:
            raise UserError(f"{group}.name={name} is not known: it must be {' or '.join(choices)}")
    try:
        plain = OmegaConf.to_container(config) if isinstance(config, DictConfig) else config
        merged = OmegaConf.merge(checked, OmegaConf.create(plain))
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key}: {one_line(error)}") from error
    assert isinstance(merged, DictConfig)
    return merged


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """The config as a plain dictionary, interpolations resolved and paths independent of where it is run."""
    missing = sorted(OmegaConf.missing_keys(cfg))
    if missing:
        raise UserError(f"{missing[0]} has no value: add {missing[0]}=VALUE")
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    del config["sweep"], config["rerun"]  # say how a run comes about, not what it is
    for key in PATHS & config["dataset"].keys():
        if config["dataset"][key]:
            config["dataset"][key] = str(Path(config["dataset"][key]).absolute())
    if tracker := tracking.make(config["tracking"]):
        config["tracking"]["uri"] = tracker.absolute_uri()
    return config


def folder_name(started: str, *, _root_: DictConfig) -> str:
    """The name of a run's folder: the same for the same experiment, but where a rerun is asked for."""
    config: Any = {
        key: OmegaConf.to_container(value, resolve=True) if isinstance(value, DictConfig) else value
        for key, value in _root_.items()
        if key != "hydra"
    }
    return run_name(config) + (f"_{started}" if config["rerun"] else "")


# where this is imported, for a job on another machine composes its config without `register`
OmegaConf.register_new_resolver("folder_name", folder_name, replace=True)


def register() -> None:
    """Tell Hydra; the files of `conf/` name these in their defaults lists."""
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    for group, choices in CHOICES.items():
        for name, chosen in choices.items():
            store.store(group=f"hydra/schema/{group}", name=name, node=options(chosen))
