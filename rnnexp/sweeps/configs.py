"""Let Hydra compose configs, from conf/ and a folder of the user's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra import initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra

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
        yield
