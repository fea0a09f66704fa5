"""Judge whether a forget gate that begins at 1 helps."""

from collections.abc import Mapping

from rnnexp.analysis.claims.claim import Finding, Part, Test, mean_of, signed, test_together, whole
from rnnexp.analysis.claims.runs import counted, losses_by_seed, number
from rnnexp.analysis.contrasts import TooFewRuns
from rnnexp.analysis.differences import paired
from rnnexp.analysis.figures.panels import Panel, Series, draw_panels
from rnnexp.analysis.figures.style import look_of
from rnnexp.analysis.study import Study

MARGIN = 0.01  # nats per token
BIAS, WINDOW = "cell.forget_bias", "train.bptt"


def judge(studies: Mapping[str, Study]) -> Finding:
    """Compare the losses of LSTMs whose forget gates begin at 1 and at 0, seed by seed."""
    runs = counted(studies["forget_bias"], BIAS, WINDOW)
    nats = signed(3)
    tests, beside, panels = [], [], []
    for window, own in runs.groupby(WINDOW):
        by_bias = {number(bias): losses_by_seed(same) for bias, same in own.groupby(BIAS)}
        if {0.0, 1.0} <= by_bias.keys():
            zero, one = by_bias[0.0].align(by_bias[1.0], join="inner")
            if len(zero) >= 2:
                tests.append(
                    Test(
                        f"windows of {window:g}: test loss with bias 0 less that with bias 1",
                        paired(zero, one),
                        MARGIN,
                        nats,
                        "nats",
                    )
                )
        beside += [
            Part(f"windows of {window:g}, bias {bias:g}", mean_of(losses), "", False)
            for bias, losses in by_bias.items()
        ]
        biases = sorted(by_bias)
        panels.append(
            Panel(
                f"windows of {window:g} words",
                [Series.of_runs("", look_of("lstm"), biases, [by_bias[bias].tolist() for bias in biases])],
            )
        )
    if not tests:
        raise TooFewRuns("no window has two seeds of both biases")
    parts = test_together(tests)
    sentence = "; ".join(f"{part.name} is {part.said}" for part in parts)
    picture = draw_panels(
        panels,
        "first bias of the forget gate",
        "test loss, nats per token",
        "What a forget gate begins with",
        shared=True,
    )
    return Finding(
        whole(parts),
        f"{sentence[:1].upper()}{sentence[1:]} ({parts[0].how}).",
        [*parts, *beside],
        {"forget_bias": picture},
        [UPDATES],
    )


UPDATES = (
    "Windows of 128 words take a quarter of the updates over as many words: compare biases within one window, not "
    "windows. The rate is that tuned with bias 1."
)
