"""Say how often each configuration diverged."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from rnnexp.analysis.described import DONE
from rnnexp.analysis.intervals import rate_interval


def stability(runs: pd.DataFrame, configurations: Sequence[str]) -> list[dict[str, Any]]:
    """Return for each configuration how many of its ended runs diverged, with the 95% interval of the rate.

    Trials count too: a search meets the settings that diverge.
    """
    rows = []
    for name in configurations:
        ended = runs[(runs["configuration"] == name) & runs["status"].isin(DONE)]
        if len(ended):
            count = int((ended["status"] == "diverged").sum())
            rows.append({"configuration": name} | vars(rate_interval(count, len(ended))))
    return rows
