"""Compose a config from the files of conf/, as a command does, without touching a Hydra that the caller may use."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from rnnexp.experiment import schema
from rnnexp.experiment.mistakes import in_plain_words
from rnnexp.experiment.versions import VERSION_BASE
from rnnexp.installation import CONF


def search_path(config_dir: Path | None) -> ConfigSearchPath:
    """Return where Hydra looks for configs: in conf/, and before it in a folder of the user's, if there is one."""
    path = create_config_search_path(str(CONF))
    if config_dir:
        path.prepend("command-line", f"file://{config_dir.absolute()}", SearchPathQuery(provider="schema"))
    return path


def composed(overrides: Sequence[str], config_dir: Path | None = None) -> DictConfig:
    """Return the config of these overrides, each with one value, as `rnnexp` composes it.

    Parameters
    ----------
    overrides : GROUP=OPTION and KEY=VALUE in Hydra's grammar.
    config_dir : a folder of the user's with more groups and options.
    """
    schema.register()
    with _rules(), in_plain_words():
        loaded = ConfigLoaderImpl(search_path(config_dir)).load_configuration(
            "config", list(overrides), RunMode.RUN
        )
    with open_dict(loaded):
        del loaded["hydra"]
    return loaded


@contextmanager
def _rules() -> Iterator[None]:
    """Have Hydra go by the command's rules within the context; the caller may have chosen others."""
    if not VERSION_BASE:  # of a version that knows one set of rules
        yield
        return
    chosen: Any = version.VersionBase.instance()
    before = chosen.version_base
    version.setbase(VERSION_BASE["version_base"])
    try:
        yield
    finally:
        chosen.version_base = before
