"""Ask the losses of single tokens where a gap comes from."""

from collections.abc import Mapping, Sequence
from typing import Any

from rnnexp.analysis.gap import TokenLosses, excess_by_class, gap_by_class
from rnnexp.analysis.verdict import Verdict


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
