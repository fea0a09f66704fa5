"""Go on from a run that has finished with fewer epochs, where a longer one would have done the same so far.

`train.max_epochs`, `train.max_steps` and `train.patience` only say when training ends. A run that differs from a
finished one in that it goes on for longer begins with what that one has left.
"""

import logging
import math
from pathlib import Path
from typing import Any

from rnnexp.errors import UserError
from rnnexp.experiment import divergence, own_parts
from rnnexp.experiment.config import RUNTIME, make_chosen
from rnnexp.experiment.config_hash import defining, hashes, run_name
from rnnexp.output import number
from rnnexp.records import checkpoint, step_records
from rnnexp.records.folder import RunFolder

log = logging.getLogger(__name__)
LIMITS = "train.max_epochs", "train.max_steps", "train.patience"
OF_THE_END = {divergence.TAG, divergence.HOW_TAG, "rnnexp.pruned"}  # tags


def take_over(config: dict[str, Any], folder: RunFolder) -> None:
    """Put into a new run's folder what the longest shorter run of its study has left, if there is one.

    Nothing is taken over where the run begins anew on purpose: with rerun=true, or in a folder of a name of its own.
    """
    if folder.checkpoint_file.exists() or folder.path.name != run_name(config):
        return
    shorter = [other for other in others(config, folder) if is_shorter(other.load_config(), config)]
    if not shorter:
        return
    before = max(shorter, key=lambda other: len(other.records()))
    ended = number(len(before.records()), "epoch")
    if why := hindrance(before, config):
        log.info(f"{folder} begins anew, not with the {ended} of {before}: {why}")
        return
    copy(before, config, folder)
    log.info(f"{folder} goes on from {before}, which ended after {ended}")


def others(config: dict[str, Any], folder: RunFolder) -> list[RunFolder]:
    """Return the finished runs of the same cell and seed in the study that can be read."""
    found = []
    for path in sorted(folder.path.parent.glob(f"{config['cell']['name']}_seed{config['seed']}_*")):
        other = RunFolder(path)
        try:
            if path != folder.path and other.result():
                other.load_config()
                other.records()
                found.append(other)
        except UserError:  # of another version, or damaged: its own command says so
            continue
    return found


def is_shorter(before: dict[str, Any], config: dict[str, Any]) -> bool:
    """Return whether two configs define the same but for how long a run goes on, the second for longer."""
    ours, theirs = defining(config), defining(before)
    limits = [(limit_of(theirs, key), limit_of(ours, key)) for key in LIMITS]
    for key in LIMITS:
        ours.pop(key, None)
        theirs.pop(key, None)
    return ours == theirs and all(a <= b for a, b in limits) and any(a < b for a, b in limits)


def limit_of(values: dict[str, Any], key: str) -> float:
    """Return a limit, infinity where there is none."""
    return math.inf if values.get(key) is None else values[key]


def hindrance(before: RunFolder, config: dict[str, Any]) -> str:
    """Return why a run cannot go on from a shorter one; empty where it can."""
    old, progress = before.load_config(), (checkpoint.read_meta(before.checkpoint_file) or {}).get("progress")
    if progress is None:
        return "its checkpoint is gone (train.keep=all keeps it)"
    if getattr(make_chosen("schedule", config["schedule"]), "knows_length", False):
        return f"schedule={config['schedule']['name']} depends on how long a run is"
    if progress["step"] >= limit_of(defining(old), "train.max_steps"):
        return "train.max_steps ended it within an epoch, which a longer run goes through"
    if before.tags().get("rnnexp.own_parts", "") != own_parts.tag(config):
        return "it was made by other code of yours"
    for key in RUNTIME:
        if config[key] and old.get(key) and config[key] != old[key]:
            return f"it was computed with {key}={old[key]}"
    return ""


def copy(before: RunFolder, config: dict[str, Any], folder: RunFolder) -> None:
    """Copy the checkpoints of a run under the name of a longer one, and what its records say; the checkpoint last."""
    old = before.load_config()
    folder.save_config(config | {key: config[key] or old.get(key) for key in RUNTIME})
    tags = {key: value for key, value in before.tags().items() if key not in OF_THE_END}
    folder.save_tags(tags | {"rnnexp.config_hash": hashes(config)[0], "rnnexp.continues": before.path.name})
    folder.add_provenance({"continues": str(before.path)})
    folder.replace_records(before.records())
    if steps := before.steps():
        step_records.write(folder, steps)
    with folder.exclusive():
        for name in "best.npz", "last.npz":
            if (before.path / name).exists():
                copy_checkpoint(before.path / name, folder.path / name, hashes(config)[0])


def copy_checkpoint(source: Path, target: Path, config_hash: str) -> None:
    """Copy a checkpoint as one of a run with another config and the same data."""
    arrays, meta = checkpoint.read(source)
    _, _, data = meta["fingerprint"].partition("-")
    checkpoint.write(target, arrays, meta | {"fingerprint": f"{config_hash}-{data}", "kept": {}})
