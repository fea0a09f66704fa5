"""The jobs of a sweep: every combination of what its overrides say, composed by Hydra."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from rnnexp import build, schema
from rnnexp.errors import UserError
from rnnexp.folder import RunFolder
from rnnexp.identity import hashes
from rnnexp.job import CONF
from rnnexp.sweep import Job


def jobs(arguments: Sequence[str]) -> list[Job]:
    """The jobs of `rnnexp -m ARGUMENTS`, all composed before any begins.

    A config may name a sweep of its own in `hydra.sweeper.params`; arguments go before it. Combinations that
    come to the same experiment are one job.
    """
    if flags := [argument for argument in arguments if argument.startswith("-")]:
        raise UserError(f"{flags[0]} does not go with -m: give overrides (KEY=VALUE) only")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        parser = OverridesParser.create(config_loader=loader)
        given = parser.parse_overrides(list(arguments))
        plain = compose("config", [o.input_line or "" for o in given if not o.is_sweep_override()], True)
        named = {override.key_or_group for override in given}
        params = OmegaConf.select(plain, "hydra.sweeper.params") or {}
        own = parser.parse_overrides([f"{k}={v}" for k, v in params.items() if k not in named])
        found: dict[Path, Job] = {}
        for chosen in itertools.product(*map(values, own + given)):
            cfg = compose("config", list(chosen), return_hydra_config=True)
            swept = [text for text, o in zip(chosen, own + given) if o.is_sweep_override()]
            job = make_job(" ".join(swept) or "the only job", cfg)
            same = found.setdefault(job.folder.path, job)
            if hashes(same.config) != hashes(job.config):
                raise UserError(
                    f"{same.name} and {job.name} would share {job.folder}: leave hydra.run.dir out"
                )
    return list(found.values())


def values(override: Override) -> list[str]:
    """An override for each of the values that it sweeps over; itself where it sweeps over none."""
    if not override.is_sweep_override():
        return [override.input_line or ""]
    if not override.is_discrete_sweep():
        raise UserError(f"{override.input_line}: name the values, as in KEY=1,2,3 or KEY=range(3)")
    key = override.get_key_element()
    if texts := [f"{key}={value}" for value in override.sweep_string_iterator()]:
        return texts
    raise UserError(f"{override.input_line} names no values: there is nothing to run")


def make_job(name: str, cfg: DictConfig) -> Job:
    build.check_value("study", str(cfg.study))
    folder = RunFolder(Path(str(OmegaConf.select(cfg, "hydra.run.dir"))).absolute())
    with open_dict(cfg):
        del cfg["hydra"]
    config = build.resolve(schema.typed(cfg))
    for key in "workers", "timeout", "on_error":
        build.check_value(f"sweep.{key}", config["sweep"][key])
    return Job(name, config, folder)
