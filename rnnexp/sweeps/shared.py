"""Make the configs of jobs that differ in plain values from one composition by Hydra, which takes far longer.

Hydra sets the value of a key last, in the config that it has composed, and so does this: by the same function of
OmegaConf, on the same typed config. Interpolations are resolved afterwards, again by OmegaConf.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from rnnexp.experiment import schema
from rnnexp.experiment.config import keys_of

Plain = bool | int | float | str | None
# what a run's folder may be named by: what config.yaml names it by, and the values of keys
FIELD = re.compile(r"\$\{folder_name:(?P<now>\$\{now:[^{}$\\']*\})\}|\$\{(?P<key>(?!hydra\b)\w+(\.\w+)*)\}")


class NotShared(Exception):
    """Say of a config that Hydra has to compose it by itself."""


class Tree:
    """Hold a composed config and its resolved values, which go with it."""

    def __init__(self, cfg: DictConfig):
        self.cfg = cfg
        self.values: Any = OmegaConf.to_container(cfg, resolve=True)
        texts = dict(interpolated(OmegaConf.to_container(cfg)))
        dotted = [".".join(map(str, path)) for path in texts]
        self.dependent = {path: references(text, dotted) for path, text in texts.items()}
        self.changed: set[str] = set()  # keys since the values were resolved

    def set(self, key: str, value: Plain) -> Plain:
        """Set the value of a dotted key; return it as the key's type has it."""
        self.changed.add(key)
        OmegaConf.update(self.cfg, key, value)
        typed: Plain = OmegaConf.select(self.cfg, key)
        put(self.values, key.split("."), typed)
        return typed

    def resolve(self) -> None:
        """Have the values follow those that they are interpolated from."""
        if self.dependent:
            OmegaConf.clear_cache(self.cfg)
        for path, keys in self.dependent.items():
            if keys is None or any(meet(key, changed) for key in keys for changed in self.changed):
                value: Any = self.cfg
                for key in path:
                    value = value[key]
                if OmegaConf.is_config(value):
                    value = OmegaConf.to_container(value, resolve=True)
                put(self.values, path, value)
        self.changed.clear()


class Shared:
    """Hold what Hydra has composed for one job, and make of it the configs of others.

    Parameters
    ----------
    cfg : what Hydra has composed, its own section included; it is changed.
    typed, config : what came of it, before and after interpolations were resolved.
    values : the plain values of dotted keys among its overrides.

    Raises
    ------
    NotShared where the config of another job cannot be known from this one.
    """

    def __init__(self, cfg: DictConfig, typed: DictConfig, config: dict[str, Any], values: dict[str, Plain]):
        hydra: Any = OmegaConf.to_container(cfg.hydra)
        self.run_dir = hydra["run"]["dir"]
        if not isinstance(self.run_dir, str) or re.search(r"[$\\]", FIELD.sub("", self.run_dir)):
            raise NotShared(f"hydra.run.dir={self.run_dir}")
        folder = str(cfg.hydra.run.dir)
        with open_dict(cfg):
            del cfg["hydra"]
        self.untyped, self.typed = Tree(cfg), Tree(typed)
        keys = keys_of(self.typed.values)
        for path in self.untyped.dependent:  # on which it may depend what data.root fills in
            key = ".".join(map(str, path))
            if path[0] == "data" or (key in keys and keys[key].option.path):
                raise NotShared(key)
        self.set: dict[str, Plain] = {}
        same = self.config(values) == config
        # the name of a rerun's folder has the time
        if not same or (self.folder() != folder and not self.untyped.values["rerun"]):
            raise NotShared("the job that it was composed for comes out otherwise")

    def config(self, values: dict[str, Plain]) -> dict[str, Any]:
        """Return the config with these values of dotted keys, which are the same keys each time."""
        for key, value in values.items():
            before = self.set.pop(key, NotShared)
            if type(before) is not type(value) or before != value:
                self.typed.set(key, self.untyped.set(key, value))
            self.set[key] = value
        self.untyped.resolve()
        self.typed.resolve()
        return schema.finished(self.typed.values)

    def folder(self) -> str:
        """Return the folder of the run that has the values set last."""
        return FIELD.sub(self.filled, self.run_dir)

    def filled(self, field: re.Match[str]) -> str:
        """Return what stands for a field in the name of a folder."""
        values = self.untyped.values
        if field["now"]:
            now = str(OmegaConf.create({"now": field["now"]}).now) if values["rerun"] else ""
            return schema.name_of(values, now)
        value = OmegaConf.select(self.untyped.cfg, field["key"])
        if type(value) not in (str, int):
            raise NotShared(f"{field['key']}={value} in hydra.run.dir")
        return str(value)


def interpolated(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield path and text of each value that depends on others, given a config that is not resolved."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from interpolated(inner, (*path, key))
    elif "${" in str(value):
        yield path, str(value)


def references(text: str, dependent: Iterable[str]) -> set[str] | None:
    """Return the keys that a text is interpolated from; None where that is not all, or they depend on others."""
    keys = set(re.findall(r"\$\{(\w+(?:\.\w+)*)\}", text))
    known = len(re.findall(r"\$\{(?:\w+(?:\.\w+)*\}|choose:)", text)) == text.count("${")
    return None if not known or any(meet(key, other) for key in keys for other in dependent) else keys


def meet(key: str, other: str) -> bool:
    """Return whether one of two dotted keys is the other, or leads to it."""
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def put(values: dict[Any, Any], path: Sequence[Any], value: Any) -> None:
    """Set a value within nested dictionaries."""
    *sections, last = path
    for section in sections:
        values = values[section]
    values[last] = value
