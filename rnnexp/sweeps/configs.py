"""Let Hydra compose configs, from conf/ and a folder of the user's."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.hydra import Hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.plugins.config_source import ConfigResult

from rnnexp.errors import UserError
from rnnexp.experiment import own_parts, schema
from rnnexp.experiment.compose import search_path
from rnnexp.experiment.mistakes import in_plain_words
from rnnexp.experiment.versions import VERSION_BASE
from rnnexp.installation import CONF


@contextmanager
def open_configs(config_dir: str | None = None) -> Iterator[None]:
    """Let Hydra compose configs within the context; what it refuses is a UserError in plain words.

    config_dir : a folder with more groups and options, as --config-dir names it; None: the one in use, if any.
    """
    config_dir = config_dir or next(map(str, own_parts.FOLDERS), None)
    schema.register()
    with initialize_config_dir(str(CONF), **VERSION_BASE), in_plain_words():
        if config_dir is not None:
            if not Path(config_dir).is_dir():
                raise UserError(f"--config-dir {config_dir} is no folder")
            GlobalHydra.instance().clear()
            Hydra.create_main_hydra2("rnnexp", search_path(Path(config_dir)))
        loader: Any = GlobalHydra.instance().config_loader()
        loader.repository = ReadOnce(loader.get_search_path())
        yield


class ReadOnce(ConfigRepository):
    """Read each file and each part of the schema once, for all that Hydra composes of it.

    Hydra reads them again for every config, and copies its repository with all that is in it, which takes a third of
    the time of composing.
    """

    def __init__(self, config_search_path: ConfigSearchPath):
        self.read: dict[tuple[str, str], ConfigResult | None] = {}  # by search path and place in it
        super().__init__(config_search_path)

    def __deepcopy__(self, memo: Any) -> "ReadOnce":
        """Return another with sources of its own, for a config may name more; what has been read is shared."""
        return copy(self)

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Look for configs in the folders of a search path from here on."""
        super().initialize_sources(config_search_path)
        self.searched = str(config_search_path.get_path())

    def load_config(self, config_path: str) -> ConfigResult | None:
        """Return a config that may be changed, None where there is none."""
        place = self.searched, config_path
        if place not in self.read:
            self.read[place] = super().load_config(config_path)
        return deepcopy(self.read[place])
