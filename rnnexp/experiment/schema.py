"""Make the schema that Hydra checks a config and its overrides against, from the keys' descriptions."""

import re
from copy import deepcopy
from dataclasses import field, make_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_origin

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from rnnexp import tracking
from rnnexp.data.files import decoded
from rnnexp.errors import UserError, about, one_line
from rnnexp.evaluation import EVALUATORS
from rnnexp.experiment import own_parts, rules
from rnnexp.experiment.config import (
    CHOICES,
    GIVEN,
    SECTIONS,
    WITH_EVALUATION,
    Choice,
    Config,
    keys_of,
    keys_of_choice,
)
from rnnexp.experiment.config_hash import run_name
from rnnexp.experiment.defaults import with_rate
from rnnexp.experiment.known_keys import unknown
from rnnexp.experiment.versions import REPLACE, register_resolver
from rnnexp.options import NOTHING, Key, options_of
from rnnexp.records.address import clean_config
from rnnexp.records.digests import with_texts
from rnnexp.records.files import from_home

BESIDE = "sweep", "rerun", "data"  # say how a run comes about, not what it is
TOLD: dict[tuple[str | None, str], type] = {}  # of Hydra: (group, name) -> dataclass


def structured(name: str, keys: dict[str, Key], **more: Any) -> type:
    """Return a dataclass of these keys without their descriptions, which OmegaConf does not understand.

    A key without a default is missing until it has a value, a mapping empty.
    """

    def default(described: Key) -> Any:
        if get_origin(described.type) is dict:
            return field(default_factory=dict)
        return field(default=MISSING if described.default is NOTHING else described.default)

    return make_dataclass(name, [(key, k.type, default(k)) for key, k in keys.items()], **more)


@cache
def section(group: str) -> type:
    """Return the dataclass of a section; of a choice it has what all choices of the group have."""
    kind = SECTIONS.get(group, Choice)
    return structured(kind.__name__, options_of(kind))


@cache
def options(group: str, chosen: Any) -> type:
    """Return the dataclass of a choice of a group, with its options; what is chosen is a class or function."""
    return structured("Options", options_of(chosen, GIVEN), bases=(section(group),))


@cache
def whole() -> type:
    """Return the dataclass of a config; of each choice it has what all choices of the group have."""
    plain = structured("Plain", options_of(Config, frozenset(SECTIONS)))
    fields = [(name, section(name), field(default_factory=section(name))) for name in SECTIONS]
    by_name: Any = dict[str, section("evaluation")]  # type: ignore[misc]  # for there may be several
    fields.append(("evaluation", by_name, field(default_factory=dict)))
    return make_dataclass("Config", fields, bases=(plain,))


@cache
def empty() -> DictConfig:
    """Return a config that has nothing but the types of its keys, to be copied."""
    return OmegaConf.structured(whole())


def typed(config: DictConfig | dict[str, Any]) -> DictConfig:
    """Return a config, saved or composed, with every key and its type checked, also keys added by +KEY."""
    checked = deepcopy(empty())
    for group, choices in CHOICES.items():
        name = config.get(group, {}).get("name")
        if name in choices:
            checked[group] = options(group, choices[name])
        elif name:
            own = own_parts.where(group, name)
            raise UserError(f"{group}.name={name} is not known: it must be {' or '.join(choices)}{own}")
    for name in config.get("evaluation", {}):
        if name not in EVALUATORS:
            raise UserError(f"evaluation={name} is not known: choose from {', '.join(EVALUATORS)}")
        checked.evaluation[name] = options("evaluation", EVALUATORS[name])
    try:
        plain = OmegaConf.to_container(config) if isinstance(config, DictConfig) else config
        checked.merge_with(OmegaConf.create(plain))
    except ConfigKeyError as error:
        raise UserError(unknown(str(error.full_key))) from error
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key}: {one_line(error)}") from error
    return checked


def saved(config: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return the config that a run folder's file holds with every key, type and value checked, as a command's are.

    It was resolved before it was saved, so what looks like an interpolation is text: nothing of this machine's
    environment gets into it.

    Raises
    ------
    UserError, which names the file.
    """
    try:
        checked = resolve(typed(as_text(config)))
        rules.check_values(checked)
    except OmegaConfBaseException as error:
        raise UserError(f"{file}: {error.full_key}: {one_line(error)}") from error
    except UserError as error:
        raise UserError(f"{file}: {error}") from error
    return checked


def as_text(value: Any) -> Any:
    """Return a value in which OmegaConf finds no interpolations."""
    return with_texts(lambda text: re.sub(r"(\\*)\$\{", r"\1\1\\${", text), value)


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """Return the config as a plain dictionary, without the keys that only say how the run comes about.

    Interpolations are resolved, paths are independent of the current folder, and optimizer.lr is a number.
    """
    complete(cfg)
    values: Any = OmegaConf.to_container(cfg, resolve=True)
    return finished(values)


def complete(cfg: DictConfig) -> None:
    """Fill in what follows from data.root; UserError where a key has no value."""
    if cfg.data.root is not None:
        fill_in_root(cfg)
    missing = sorted(key for key in OmegaConf.missing_keys(cfg) if key.partition(".")[0] not in BESIDE)
    if missing:
        in_root = " or data.root=FOLDER" if missing[0] == "dataset.dir" else ""
        raise UserError(f"{missing[0]} has no value: add {missing[0]}=VALUE{in_root}")


def finished(values: dict[str, Any]) -> dict[str, Any]:
    """Return the config of a run that has these resolved values; the given ones stay as they are."""
    config = with_rate(clean_config({key: value for key, value in values.items() if key not in BESIDE}))
    for key, described in keys_of(config).items():
        section, _, name = key.rpartition(".")
        owner = config.get(section, {}) if section else config
        if described.option.path and owner.get(name):
            owner[name] = str(from_home(owner[name]).absolute())
    if tracker := tracking.make(config["tracking"]):
        config["tracking"]["uri"] = tracker.absolute_uri()
    return config


def fill_in_root(cfg: DictConfig) -> None:
    """Set the folder of the data set, where it is not given, to its place within data.root."""
    for option, described in keys_of_choice("dataset", cfg.dataset.name).items():
        place = described.option.in_root
        if place and (OmegaConf.is_missing(cfg.dataset, option) or cfg.dataset[option] is None):
            cfg.dataset[option] = str(Path(cfg.data.root) / place)


def folder_name(started: str, *, _root_: DictConfig) -> str:
    """Return the name of a run's folder: the same for the same experiment, unless a rerun is asked for."""
    return name_of(
        {
            key: OmegaConf.to_container(value, resolve=True) if isinstance(value, DictConfig) else value
            for key, value in _root_.items()
            if key != "hydra"
        },
        started,
    )


def name_of(config: dict[Any, Any], started: str) -> str:
    """Return the name of the folder of a run that has these resolved values; a rerun has when it started in it."""
    return run_name(with_rate(config)) + (f"_{started}" if config["rerun"] else "")


def choose(key: str, values: dict[str, Any]) -> Any:
    """Return the value of a key, as a preset writes it: `${choose:${cell.name},{lstm:8.0,gru:4.0}}`."""
    if key not in values:
        raise UserError(f"the preset has no value for {key}, only for {', '.join(values)}")
    return values[key]


# where this is imported, for a job on another machine composes its config without `register`
register_resolver("folder_name", folder_name, replace=True)
register_resolver("choose", choose, replace=True)


def tell(group: str | None, name: str, node: type) -> None:
    """Tell Hydra a part of the schema, unless it knows it: to tell all takes a quarter of the time of composing."""
    if TOLD.get((group, name)) is not node:
        ConfigStore.instance().store(group=group, name=name, node=node, **REPLACE)
        TOLD[group, name] = node


def register() -> None:
    """Tell Hydra the schema; the files of `conf/` name its parts in their defaults lists."""
    store = ConfigStore.instance()
    tell(None, "schema", whole())
    for group, choices in WITH_EVALUATION.items():
        for name, chosen in choices.items():
            tell(f"hydra/schema/{group}", name, options(group, chosen))
    for (group, name), part in own_parts.PARTS.items():
        values = values_of(group, name, part)
        package = f"evaluation.{name}" if group == "evaluation" else None
        if part.entry:  # those of a folder are found there
            store.store(group=group, name=name, node=values, package=package, **REPLACE)


def values_of(group: str, name: str, part: own_parts.Part) -> dict[str, Any]:
    """Return what the file of a part of the user's holds; UserError where it does not say of which part it is."""
    schema = f"/hydra/schema/{group}/{name}@_here_"
    if not part.yaml.exists():
        return {"defaults": [schema], "name": name}
    with about(str(part.yaml)):
        text = decoded(part.yaml.read_bytes(), str(part.yaml))
        values: Any = OmegaConf.to_container(OmegaConf.create(text))
    if not isinstance(values, dict) or schema not in (values.get("defaults") or []):
        line = own_parts.of_part(group, name)
        raise UserError(f"{part.yaml} lacks a line by which its keys are checked: {line}")
    if group == "cell" and not isinstance(values.get("lr") or {}, dict):
        raise UserError(
            f"{part.yaml}: lr is the rate by optimizer, as in lr: {{sgd: 2.0}}; call an option otherwise"
        )
    package = f"# @package evaluation.{name}"
    if group == "evaluation" and not part.entry and package not in text.splitlines():
        raise UserError(f"{part.yaml} lacks its first line: {package}")
    return values
