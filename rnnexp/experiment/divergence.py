"""Say of a run that diverged how it did, and at which settings."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rnnexp.errors import Diverged
from rnnexp.optim.base import Optimizer
from rnnexp.records.folder import RunFolder
from rnnexp.training.state import divergence

log = logging.getLogger(__name__)
TAG, HOW_TAG = "rnnexp.diverged", "rnnexp.divergence"


def remedy(optimizer: Optimizer) -> str:
    """Return what to change so that training does not diverge, with its value now."""
    if optimizer.lr * optimizer.weight_decay >= 1:  # it turns the weights over by itself
        return f"lower optimizer.weight_decay (now {optimizer.weight_decay:g}) or optimizer.lr (now {optimizer.lr:g})"
    norm = optimizer.clip_norm
    clip = "set optimizer.clip_norm" if norm is None else f"optimizer.clip_norm (now {norm:g})"
    return f"lower optimizer.lr (now {optimizer.lr:g}) or {clip}"


@contextmanager
def explained(optimizer: Optimizer) -> Iterator[None]:
    """Have a Diverged that is raised within the context say what to change."""
    try:
        yield
    except Diverged as error:
        raise Diverged(f"{error}; {remedy(optimizer)}") from error


def note(
    folder: RunFolder,
    label: str,
    records: Sequence[Mapping[str, float]],
    vocab_size: int,
    optimizer: Optimizer,
) -> None:
    """Record and log that a run which has ended diverged, where it did; see `divergence`."""
    how = divergence(records, vocab_size)
    if how:
        advice = remedy(optimizer)
        # what gets better, and still is no better than chance, may have moved too little as well
        if records[-1]["valid/loss"] < records[0]["valid/loss"]:
            advice = f"optimizer.lr (now {optimizer.lr:g}) is far too high, or far too low"
        why = f"{how}; {advice}"
        folder.save_tags(folder.tags() | {TAG: "true", HOW_TAG: why})
        log.warning(f"{label} diverged: {why}")


def how(folder: RunFolder) -> str:
    """Return how a run that has finished diverged; empty where it did not.

    Raises
    ------
    UserError where its tags are damaged.
    """
    tags = folder.tags()
    return tags.get(HOW_TAG, "it did only harm") if TAG in tags else ""
