"""Say how much a difference between configurations owes to the test text, from the losses of its tokens."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnexp.analysis.comparing import Group
from rnnexp.analysis.configurations import as_one
from rnnexp.analysis.gap import TokenLosses, read_losses
from rnnexp.analysis.text_error import text_error, uncertainty_sentences


def token_losses(runs: pd.DataFrame, group: Group) -> dict[str, list[TokenLosses]]:
    """Return the losses of the test tokens of every run in the numbers, by standing configuration.

    A configuration of which any run kept none, or whose folder is not here, is left out; and all are
    where they were tested on different text.
    """
    counted = runs[(runs["fate"] == "") & runs["configuration"].isin(group.standing)]
    found = {}
    for name, own in counted.groupby("configuration"):
        losses = [read(folder) for folder in own["folder"]]
        if all(one is not None for one in losses):
            found[str(name)] = [one for one in losses if one is not None]
    texts = [one.targets for own in found.values() for one in own]
    return found if all(np.array_equal(text, texts[0]) for text in texts) else {}


def read(folder: Any) -> TokenLosses | None:
    """Return the losses of the run in a folder, if they can be read."""
    if not isinstance(folder, str) or not Path(folder).is_dir():
        return None
    try:
        return read_losses(Path(folder))
    except (OSError, ValueError, KeyError):
        return None


def text_sentences(group: Group, losses: Mapping[str, Sequence[TokenLosses]]) -> list[str]:
    """Return sentences on what other seeds, and other text, would change, for each pair that was tested.

    Parameters
    ----------
    losses : of single tokens, as from `token_losses`; nothing is said of a pair that is not in them.
    """
    found = []
    for verdict in group.verdicts:
        if not verdict.tested or not {verdict.worse, verdict.better} <= losses.keys():
            continue
        worse, better = (losses[name] for name in (verdict.worse, verdict.better))
        means = (np.mean([run.nats for run in runs], axis=0) for runs in (worse, better))
        clusters = worse[0].clusters
        if clusters[-1]:  # one sentence says nothing of others
            gap = verdict.tested.difference
            seeds = min(gap.n_a, gap.n_b)
            error = text_error(np.subtract(*means), clusters)
            said = uncertainty_sentences(gap.error * np.sqrt(seeds), seeds, error)
            found.append(f"{as_one(verdict.worse)} minus {as_one(verdict.better)}: {' '.join(said)}")
    return found
