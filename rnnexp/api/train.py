"""Train a run from Python in a folder, or take it up where it stands."""

import sys
import weakref
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from rnnexp.api.mistakes import path_of, plainly
from rnnexp.api.run import Run
from rnnexp.api.settings import config_of
from rnnexp.errors import UserError
from rnnexp.experiment import build, known_keys, recorded, runner
from rnnexp.experiment.progress import lines_where_no_bar
from rnnexp.output import say
from rnnexp.records.brought import require_room
from rnnexp.records.folder import RunFolder


@plainly
def train(
    settings: Mapping[str, Any] | None = None,
    /,
    *,
    folder: str | Path | None = None,
    config_dir: str | Path | None = None,
    progress: bool = True,
    **more: Any,
) -> Run:
    """Train a model and return its run, with the numbers of the command `rnnexp` of the same settings.

    Parameters
    ----------
    settings : dotted key -> value, for keys that need their group: {"optimizer.lr": 5, "dataset.seed": 1}.
    folder : where the run is kept. None: a temporary folder, which goes with the object that is returned. A run
        that has finished there with the same settings is returned as it is, one that was interrupted goes on; it
        is said which.
    config_dir : a folder with parts of your own, as of --config-dir: cell/x.py and cell/x.yaml, for cell="x".
    progress : whether to show it on stderr: a bar in a terminal or a notebook, elsewhere a line an epoch and a
        line a minute, unless the script has set up logging (these lines are INFO of the logger "rnnexp").
    more : settings by the last part of their keys, and groups: cell="gru", experiment="demo", hidden_size=128.
        Nothing is tracked without tracking="mlflow".

    Raises
    ------
    rnnexp.UserError where a setting is unknown or impossible, or the folder holds a run with other settings.
    KeyboardInterrupt after a checkpoint; the folder, also a temporary one, then stays, to go on from.
    """
    if not isinstance(settings, Mapping | None):
        raise UserError(f"{settings!r} has no name: write cell={settings!r}, or the name of another setting")
    asked, named = dict(settings or {}), dict(more)
    for name in asked.keys() & named.keys():
        raise UserError(f"{name} is given twice: leave one out")
    own = use_own_parts(config_dir)
    resolved, overrides = config_of(asked | named, own)
    if folder is not None:
        return _train_in(RunFolder(path_of("folder", folder)), resolved, overrides, progress)
    if (tracker := resolved["tracking"]["name"]) != "none":
        raise UserError(f'tracking={tracker!r} needs a run that stays: add folder="FOLDER"')
    made = Path(mkdtemp(prefix="rnnexp_"))
    try:
        run = _train_in(RunFolder(made), resolved, overrides, progress)
    except Exception:
        rmtree(made, ignore_errors=True)
        raise
    weakref.finalize(run, rmtree, made, ignore_errors=True)
    return run


@plainly
def load(folder: str | Path, config_dir: str | Path | None = None) -> Run:
    """Return the run in a folder, by whatever it was made and however far it is.

    config_dir : where the parts of your own are that it was made with.
    """
    use_own_parts(config_dir)
    found = RunFolder(path_of("folder", folder))
    found.load_config()  # refuses what is no run folder
    return Run(found)


def use_own_parts(config_dir: str | Path | None) -> Path | None:
    """Let settings choose the parts in a folder of the user's and those of installed packages; return the folder."""
    own = path_of("config_dir", config_dir) if config_dir is not None else None
    known_keys.use_own_parts(own)
    return own


def _train_in(folder: RunFolder, asked: dict[str, Any], overrides: list[str], show: bool) -> Run:
    """Do what is left of a run in its folder; say so where that is not all of it."""
    require_room(folder.path)
    recorded.require_same(asked, folder)
    resolved = recorded.checked(asked, folder)
    if folder.result():
        say(
            f"{folder} has finished with these settings and is returned; another folder makes a new run",
            sys.stderr,
        )
    else:
        build.require_text(resolved)
        if folder.checkpoint_file.exists():
            say(
                f"{folder} was begun with these settings and goes on after epoch {len(folder.records())}",
                sys.stderr,
            )
    with lines_where_no_bar() if show else nullcontext():
        runner.run_experiment(resolved, folder, overrides=overrides, show=show)
    return Run(folder)
