"""Judge whether it matters little if the reset gate stands before or after the product."""

from collections.abc import Mapping

from rnnexp.analysis.claims.claim import (
    HOLDS,
    OPPOSITE,
    SUPPORTS,
    UNDECIDED,
    Finding,
    Part,
    Test,
    is_equal,
    signed,
    test_together,
)
from rnnexp.analysis.claims.runs import counted, losses_by_seed
from rnnexp.analysis.contrasts import TooFewRuns
from rnnexp.analysis.described import Recorded
from rnnexp.analysis.differences import equivalence, paired
from rnnexp.analysis.figures.forest import draw_forest
from rnnexp.analysis.study import Study

MARGIN = 0.01  # nats per token: 1% of perplexity
PLACE, USUAL = "params.cell.reset", "before"  # the second where that is not recorded


def judge(studies: Mapping[str, Study]) -> Finding:
    """Test whether the losses with the one and with the other are equal within a margin, seed by seed."""
    study = studies["reset_gate"]
    runs = counted(study)
    place = Recorded(study.recorded).text(PLACE).fillna(USUAL)[runs.index]
    before, after = (losses_by_seed(runs[place == name]) for name in ("before", "after"))
    before, after = before.align(after, join="inner")
    if len(before) < 2:
        raise TooFewRuns("fewer than two seeds of both")
    gap = paired(after, before)
    nats = signed(3)
    (part,) = test_together([Test("test loss, after the product less before it", gap, MARGIN, nats, "nats")])
    equal = equivalence(gap, MARGIN)
    kind = HOLDS if is_equal(gap, MARGIN) else UNDECIDED  # also where a difference that is small was found
    if part.kind in (OPPOSITE, *SUPPORTS) and min(abs(gap.low), abs(gap.high)) > MARGIN:
        kind = OPPOSITE
    ends = f"{nats(equal.low)} to {nats(equal.high)}"
    both = Part(
        f"the 90% interval within {MARGIN:g} nats", f"{ends}, two one-sided tests p = {equal.p:.2g}", kind
    )
    sentence = (
        f"With the gate after the product the GRU's test loss less that with the gate before it is {part.said}; two "
        f"one-sided tests of equality within {MARGIN:g} nats give p = {equal.p:.2g} ({part.how})."
    )
    picture = draw_forest(
        {"after less before": gap}, f"test loss, nats per token; {MARGIN:g} is what matters", "The reset gate"
    )
    beside = Part(part.name, part.said, "", False, part.how)
    return Finding(kind, sentence, [both, beside], {"reset_gate": picture})
