"""Judge whether depth improves."""

from collections.abc import Mapping

from rnnexp.analysis.claims.claim import Finding, Test, signed, test_together, whole
from rnnexp.analysis.claims.runs import cells_of, counted, number, values
from rnnexp.analysis.contrasts import TooFewRuns, contrast
from rnnexp.analysis.figures.panels import Panel, Series, draw_panels
from rnnexp.analysis.figures.style import look_of
from rnnexp.analysis.study import Study

MARGIN = 0.01  # nats per token
LAYERS = "model.num_layers"


def judge(studies: Mapping[str, Study]) -> Finding:
    """Compare the losses of more layers with that of one, of as many parameters."""
    runs = counted(studies["depth"], LAYERS)
    nats = signed(3)
    depths = sorted(number(depth) for depth in runs[LAYERS].dropna().unique())
    if 1.0 not in depths or len(depths) < 2:
        raise TooFewRuns("no runs of one layer beside runs of more")
    losses = {
        cell: [values(runs[runs[LAYERS] == depth], "test_loss", cell=cell) for depth in depths]
        for cell in cells_of(runs)
    }
    parts = test_together(
        [
            Test(
                f"{cell}, {depth:g} layers: test loss of one layer less that",
                contrast([(1, of_cell[0]), (-1, own)]),
                MARGIN,
                nats,
                "nats",
            )
            for cell, of_cell in losses.items()
            for depth, own in zip(depths[1:], of_cell[1:])
        ]
    )
    each = "; ".join(f"{part.name.partition(':')[0]} {part.said}" for part in parts)
    sentence = (
        f"The test loss of one layer less that of more, of as many parameters: {each} ({parts[0].how})."
    )
    lines = [Series.of_runs(cell, look_of(cell), depths, own) for cell, own in losses.items()]
    ticks = {depth: f"{depth:g}" for depth in depths}
    picture = draw_panels(
        [Panel("", lines, ticks=ticks)],
        "layers",
        "test loss, nats per token",
        "More layers, as many parameters",
    )
    return Finding(whole(parts), sentence, parts, {"depth": picture}, [RATES])


RATES = (
    "The rates are those tuned with one layer on 20,000 words, and all have at most 1,500 updates. Penn Treebank is "
    "not tried."
)
