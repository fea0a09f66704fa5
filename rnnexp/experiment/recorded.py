"""Compare what a command asks for with the run that its folder holds already."""

import logging
from pathlib import Path
from typing import Any

from rnnexp.errors import UserError
from rnnexp.experiment import own_parts, rules
from rnnexp.experiment.config import RUNTIME
from rnnexp.experiment.config_hash import defining, file_keys, hashes
from rnnexp.records import provenance
from rnnexp.records.digests import digest, leaves
from rnnexp.records.files import require_own
from rnnexp.records.folder import RunFolder
from rnnexp.records.reading import Damaged

log = logging.getLogger(__name__)


def require_same(config: dict[str, Any], folder: RunFolder) -> None:
    """Raise UserError where a folder holds a run with another config: its checkpoint, or the result that it left."""
    require_own(folder.path)
    folder.state()  # refuses a newer format
    config_hash = hashes(config)[0]
    other = folder.tags().get("rnnexp.config_hash", config_hash) != config_hash
    if other and (folder.checkpoint_file.exists() or folder.result_file.exists()):
        raise UserError(what_differs(config, folder))


def what_differs(config: dict[str, Any], folder: RunFolder) -> str:
    """Return why a config is not that of the run in a folder, and what to do."""
    other = f"{folder} holds a run with other settings: name another folder for this one"
    if not same_result(config, folder):
        return other
    before, now_ = folder.tags().get("rnnexp.own_parts", ""), own_parts.tag(config)
    if before != now_:
        return own_parts.other_code(folder, before, now_)
    remedy = "put it back as it was, or train in another folder"
    kept, files = leaves(folder.kept()[0].get("config", {})), dict(file_keys(config))
    for key, value in defining(config).items():
        if key in kept and key not in files and digest(kept[key]) != digest(value):
            return f"{folder.config_file} has {key}={value}, and the run was begun with {kept[key]}: {remedy}"
    for key, path in files.items():
        if path:
            what = "has changed" if Path(path).is_file() else "is gone"
            return f"{key}={path} {what} since the run in {folder} began: {remedy}"
    return other


def require_same_engine(config: dict[str, Any], folder: RunFolder) -> None:
    """Raise UserError where a run has finished by another engine or device than a config asks for by name."""
    tags = folder.tags() if folder.result_file.exists() else {}
    for key in "device", "engine":
        found = tags.get(f"rnnexp.{key}")
        if config[key] and found and config[key] != found:
            raise UserError(
                f"{folder} has finished with {key}={found}, not {key}={config[key]}: another folder or "
                "rerun=true makes a new run"
            )


def say_other_code(folder: RunFolder) -> None:
    """Warn where the code is not that which made a result."""
    tags, found = folder.tags(), provenance.git(provenance.HERE)
    if tags.get("rnnexp.git_commit", found.get("git_commit")) != found.get("git_commit"):
        before, now_ = (
            commit[:8] for commit in (tags["rnnexp.git_commit"], found.get("git_commit", "another"))
        )
        log.warning(
            f"{folder} was made by the code of commit {before}, now it is {now_} (rerun=true: a new run)"
        )


def same_result(config: dict[str, Any], folder: RunFolder) -> bool:
    """Return whether the config in a folder says that its run is the one that `config` describes."""
    try:
        # by their digests, for which lists and tuples are alike
        return digest(defining(folder.load_config())) == digest(defining(config))
    except Damaged:
        return False


def with_recorded_engine(config: dict[str, Any], folder: RunFolder) -> dict[str, Any]:
    """Return the config; where a run goes on, with the engine that has computed it so far, so that it rounds alike."""
    if not folder.checkpoint_file.exists():
        return config
    try:
        before = folder.load_config()
    except Damaged:  # it is written anew
        said = {key: folder.tags().get(f"rnnexp.{key}") for key in RUNTIME}
        before = said | {"threads": said["threads"] and int(said["threads"])}
    found = {key: before.get(key) or config[key] for key in RUNTIME}
    for key in RUNTIME:
        if config[key] and found[key] != config[key]:
            log.warning(f"{folder} was begun with {key}={found[key]}, and goes on so (rerun=true: a new run)")
    return config | found


def checked(asked: dict[str, Any], folder: RunFolder, elsewhere: bool = False) -> dict[str, Any]:
    """Return the config `with_recorded_engine`, once all is found possible; UserError where it is not.

    elsewhere : see `rules.check`.
    """
    require_same_engine(asked, folder)
    config = with_recorded_engine(asked, folder)
    rules.check(config, elsewhere, made=folder.config_file.exists())
    return config


def goes_elsewhere(config: dict[str, Any], folder: RunFolder) -> bool:
    """Return whether the config of a command names a store that is not the run's."""
    asked, before = config["tracking"], folder.load_config().get("tracking")
    if before is None:  # the file was cut short, which whoever needs it says
        return False
    same = all(asked.get(key) == before.get(key) for key in ("name", "uri"))
    return asked["name"] != "none" and not same


def set_tracking(config: dict[str, Any], folder: RunFolder) -> None:
    """Have the store that a later command names get the records of a run that this process holds."""
    if goes_elsewhere(config, folder):
        folder.save_config(folder.load_config() | {"tracking": config["tracking"]})
