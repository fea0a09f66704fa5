"""Ask the losses of single tokens where a gap comes from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnexp.analysis.gap import TokenLosses, excess_by_class, gap_by_class, read_losses
from rnnexp.analysis.study import Group
from rnnexp.analysis.verdict import Verdict


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


def where_from(losses: Mapping[str, Sequence[TokenLosses]], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the excess of each configuration by class of token, and the gaps of pairs, as rows."""
    if not losses:
        return {"excess": [], "gaps": []}
    pairs = [one for one in verdicts if {one.worse, one.better} <= losses.keys()]
    gaps = [
        {
            "worse": one.worse,
            "better": one.better,
            "rows": gap_by_class(losses[one.worse], losses[one.better]).to_dict("records"),
        }
        for one in pairs
    ]
    return {"excess": excess_by_class(losses).to_dict("records"), "gaps": gaps}
