"""Judge whether tying the embedding and the decoder reduces parameters and improves."""

from collections.abc import Mapping

from rnnexp.analysis.claims.claim import HOLDS, OPPOSITE, Finding, Part, Test, signed, test_together, whole
from rnnexp.analysis.claims.runs import counted, is_on, losses_by_seed
from rnnexp.analysis.contrasts import TooFewRuns
from rnnexp.analysis.differences import paired
from rnnexp.analysis.figures.forest import draw_forest
from rnnexp.analysis.study import Study

MARGIN = 0.01  # nats per token
TIED = "model.tie_weights"


def judge(studies: Mapping[str, Study]) -> Finding:
    """Compare parameters, and losses seed by seed, of one width."""
    study = studies["tying"]
    runs = counted(study)
    is_tied = is_on(study, TIED, runs)
    untied, tied = runs[~is_tied], runs[is_tied]
    first, second = losses_by_seed(untied).align(losses_by_seed(tied), join="inner")
    if len(first) < 2:
        raise TooFewRuns("fewer than two seeds of both")
    gap = paired(first, second)
    (improves,) = test_together(
        [Test("test loss of one width, untied less tied", gap, MARGIN, signed(3), "nats")]
    )
    fewer = 1 - float(tied["parameters"].mean() / untied["parameters"].mean())
    said = f"{fewer:.0%} fewer" if fewer >= 0 else f"{-fewer:.0%} more"
    counts = Part(
        "parameters of one width",
        f"{said}: {tied['parameters'].iloc[0]:,.0f} in place of {untied['parameters'].iloc[0]:,.0f}",
        HOLDS if fewer > 0 else OPPOSITE,
        how="counted exactly",
    )
    sentence = (
        f"Of one width the tied model has {counts.said}, and the test loss of the untied one less its own is "
        f"{improves.said} ({improves.how})."
    )
    picture = draw_forest({"untied less tied": gap}, "test loss, nats per word", "Tied and untied weights")
    parts = [counts, improves]
    return Finding(whole(parts), sentence, parts, {"tying": picture}, [SETTINGS])


SETTINGS = (
    "An LSTM, one layer of 200 units, on the first 50,000 words of Penn Treebank in 4 epochs. The rate is 20, the "
    "book's for its tied models, and not tuned for either. 6% of the test words are not among those 50,000 and read as "
    "<unk>. An untied model of as many parameters as the tied one is not tried."
)
