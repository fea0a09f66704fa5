"""Compose the configs of many jobs: by Hydra where they differ in what it composes of, else of one composition.

A sweep goes over many values of few keys, and Hydra takes a tenth of a second for each config. So jobs that name the
same options of groups, and differ in numbers, texts and truth values alone, share one; see `Shared`. Where it is not
certain that a config would come out the same, and where one is refused, Hydra composes it and says what is wrong.
"""

import re
from contextlib import suppress
from itertools import combinations
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnexp.errors import UserError
from rnnexp.experiment import rules, schema
from rnnexp.experiment.known_keys import all_keys
from rnnexp.experiment.mistakes import in_plain_words
from rnnexp.experiment.typed import require_typed_counts
from rnnexp.options import Key
from rnnexp.sweeps.composition import folder_at, job_in, without_hydra
from rnnexp.sweeps.job import Job, named
from rnnexp.sweeps.overrides import text
from rnnexp.sweeps.shared import NotShared, Plain, Shared, meet

SCALARS = bool, int, float, str
# most values of most sweeps: a number by Hydra's grammar, whose parser takes half a millisecond to say so
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
IN_THE_WAY = HydraException, OmegaConfBaseException, UserError, NotShared
Shape = tuple[str | tuple[str], ...]  # overrides; of those whose value is plain, the key alone


class Composer:
    """Compose the configs of jobs, each given by its overrides, which have one value each.

    Hydra must be able to compose meanwhile; see `open_configs`.
    """

    def __init__(self) -> None:
        self.plain_keys = {key for key, described in all_keys().items() if is_plain(key, described)}
        self.read: dict[str, tuple[str, Plain] | None] = {}
        self.first: dict[Shape, tuple[list[str], DictConfig, DictConfig, dict[str, Any]]] = {}
        self.shared: dict[Shape, Shared | None] = {}

    def job(self, name: str, overrides: list[str]) -> Job:
        """Return the job of these overrides; UserError, which names it, where they are impossible."""
        with named(name), in_plain_words():
            shape, values = self.split(overrides)
            if shared := self.shared_by(shape):
                with suppress(*IN_THE_WAY):
                    config = shared.config(values)
                    rules.check_value("study", config["study"])
                    require_typed_counts(overrides, config)
                    return Job(name, config, folder_at(shared.folder()), overrides)
            return job_in(name, *self.composed(shape, overrides), overrides)

    def config(self, name: str, overrides: list[str]) -> dict[str, Any]:
        """Return the config of the job of these overrides, wherever its run may lie."""
        with named(name), in_plain_words():
            shape, values = self.split(overrides)
            if shared := self.shared_by(shape):
                with suppress(*IN_THE_WAY):
                    return shared.config(values)
            return self.composed(shape, overrides)[1]

    def composed(self, shape: Shape, overrides: list[str]) -> tuple[DictConfig, dict[str, Any]]:
        """Return what Hydra composes, and what comes of it; it is kept for other jobs of the same shape."""
        cfg = compose("config", overrides, return_hydra_config=True)
        typed = without_hydra(cfg)
        config = schema.resolve(typed)
        if shape not in self.shared and any(isinstance(part, tuple) for part in shape):
            self.first[shape] = overrides, cfg, typed, config
        return cfg, config

    def split(self, overrides: list[str]) -> tuple[Shape, dict[str, Plain]]:
        """Return what Hydra has to compose of overrides, and the plain values that are set in it."""
        shape: list[str | tuple[str]] = []
        values = {}
        for override in overrides:
            if override not in self.read:
                self.read[override] = self.plain_value(override)
            if given := self.read[override]:
                key, values[key] = given
                shape.append((override.partition("=")[0],))
            else:
                shape.append(override)
        return tuple(shape), values

    def plain_value(self, override: str) -> tuple[str, Plain] | None:
        """Return key and value of an override whose value nothing in Hydra's composition depends on; else None."""
        sign_and_key, _, raw = override.partition("=")
        key = sign_and_key.removeprefix("++")
        if key not in self.plain_keys:
            return None
        if found := NUMBER.fullmatch(raw):
            return key, (float if found[1] or found[2] else int)(raw)
        value: Any = OverridesParser.create().parse_override(override).value()
        if value is not None and type(value) not in SCALARS:
            return None
        return None if isinstance(value, str) and ("${" in value or value == "???") else (key, value)

    def shared_by(self, shape: Shape) -> Shared | None:
        """Return what the jobs of a shape share; None for the first, and where each has to be composed."""
        if shape in self.first:
            overrides, cfg, typed, config = self.first.pop(shape)
            self.shared[shape] = None
            values = self.split(overrides)[1]
            with suppress(*IN_THE_WAY):
                if is_only_set(values, overrides, cfg):
                    self.shared[shape] = Shared(cfg, typed, config, values)
        return self.shared.get(shape)


def is_plain(key: str, described: Key) -> bool:
    """Return whether a key has a number, a text or a truth value that no other part of a config is chosen by."""
    kind: Any = described.type
    kinds = set(get_args(kind)) if get_origin(kind) in (Union, UnionType) else {kind}
    chooses = key.rpartition(".")[2] == "name" or described.option.path
    return not chooses and len(kinds - {NoneType}) == 1 and kinds <= {*SCALARS, NoneType}


def is_only_set(values: dict[str, Plain], overrides: list[str], cfg: DictConfig) -> bool:
    """Return whether the overrides act one by one, whatever the plain values among them.

    That is so where no two meet in a part of the config, and none goes by what an interpolation gives: the way to
    its key, or for `+` and `~` the value that is there before.

    cfg : what Hydra has composed of them.
    """
    choices = cfg.hydra.runtime.choices
    given = [
        override
        for override in OverridesParser.create().parse_overrides(overrides)
        if override.key_or_group not in choices or isinstance(override.value(), dict)
    ]
    keys = [override.key_or_group for override in given]
    if values.keys() & set(choices) or any("[" in key or "@" in key for key in keys):
        return False
    if any(meet(*pair) for pair in combinations(keys, 2)):
        return False
    if any(goes_by_interpolation(cfg, key.rpartition(".")[0]) for key in keys):
        return False
    asking = [override for override in given if override.is_add() or override.is_delete()]
    if not asking:
        return True
    others = [override for override in overrides if override not in map(text, asking)]
    before = compose("config", others, return_hydra_config=True)
    return not any(goes_by_interpolation(before, override.key_or_group) for override in asking)


def goes_by_interpolation(cfg: DictConfig, key: str) -> bool:
    """Return whether a value on the way to a dotted key, or its own, is an interpolation."""
    node: Any = cfg
    for part in key.split(".") if key else []:
        if not OmegaConf.is_dict(node) or part not in list(node):
            return False
        if OmegaConf.is_interpolation(node, part):
            return True
        if OmegaConf.is_missing(node, part):
            return False
        node = node[part]
    return False
