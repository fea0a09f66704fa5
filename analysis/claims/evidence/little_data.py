"""Judge whether GRU is better on little data."""

from collections.abc import Mapping
from math import log10

from rnnexp.analysis.claims.claim import Finding, Part, Test, signed, test_together, whole
from rnnexp.analysis.claims.runs import counted, values
from rnnexp.analysis.contrasts import TooFewRuns, contrast, slope_of_difference
from rnnexp.analysis.differences import Difference
from rnnexp.analysis.figures.panels import Panel, Series, draw_panels
from rnnexp.analysis.figures.style import look_of
from rnnexp.analysis.study import Study

MARGIN = 0.01  # nats per token
LEAST_SIZES = 2
TOKENS = "dataset.train_tokens"


def judge(studies: Mapping[str, Study]) -> Finding:
    """Compare the losses at each number of tokens, and the slope of their difference over it."""
    runs = counted(studies["little_data"], TOKENS)
    both = runs.groupby(TOKENS)["cell"].nunique()
    sizes = sorted(float(size) for size in both[both > 1].index)
    if len(sizes) < LEAST_SIZES:
        raise TooFewRuns("a slope needs two sizes")
    lstm, gru = (
        [values(runs[runs[TOKENS] == n], "test_loss", cell=cell) for n in sizes] for cell in ("lstm", "gru")
    )
    nats = signed(3)
    tests = [
        Test(
            f"test loss at {sizes[0]:,.0f} words, LSTM less GRU",
            contrast([(1, lstm[0]), (-1, gru[0])]),
            MARGIN,
            nats,
            "nats",
        ),
        Test(
            "how that difference falls with ten times the words",
            _negative_slope(sizes, gru, lstm),
            MARGIN,
            nats,
            "nats",
        ),
    ]
    if "little_data_names" in studies:
        names = counted(studies["little_data_names"])
        pair = [values(names, "test_loss", cell=cell) for cell in ("lstm", "gru")]
        if min(map(len, pair)) >= 2:
            tests.append(
                Test(
                    "test loss on names of dinosaurs, LSTM less GRU",
                    contrast([(1, pair[0]), (-1, pair[1])]),
                    MARGIN,
                    nats,
                    "nats a letter",
                )
            )
    parts = test_together(tests)
    kind = whole(parts)
    gaps = [contrast([(1, a), (-1, b)]) for a, b in zip(lstm, gru)]
    beside = [
        Part(
            f"the same at {n:,.0f} words",
            f"{nats(gap.mean)} ({nats(gap.low)} to {nats(gap.high)})",
            "",
            False,
        )
        for n, gap in zip(sizes[1:], gaps[1:])
    ]
    sentence = (
        f"At {sizes[0]:,.0f} words the LSTM's test loss less the GRU's is {parts[0].said}; with every ten times "
        f"as many words the GRU's advantage falls by {parts[1].said}"
        + (f"; on names of dinosaurs it is {parts[2].said}" if len(parts) > 2 else "")
        + f" ({parts[0].how})."
    )
    ticks = {size: f"{size:,.0f}" for size in sizes}
    both_cells = [
        Series.of_runs(cell, look_of(cell), sizes, own) for cell, own in (("lstm", lstm), ("gru", gru))
    ]
    picture = draw_panels(
        [
            Panel("test loss", both_cells, ticks=ticks),
            Panel(
                "LSTM less GRU",
                [Series.of_differences(sizes, gaps)],
                zero=True,
                ticks=ticks,
            ),
        ],
        "words to train on",
        "nats per token",
        "More and more words",
        log_x=True,
    )
    return Finding(kind, sentence, [*parts, *beside], {"little_data": picture}, [UPDATES])


UPDATES = (
    "Every size has at most 1,500 updates, so the larger texts are read less often; the test text is the same. The "
    "rates are those tuned on 20,000 words."
)


def _negative_slope(sizes: list[float], gru: list[list[float]], lstm: list[list[float]]) -> Difference:
    """Return how much of LSTM less GRU is lost with ten times the words: the slope of GRU less LSTM."""
    return slope_of_difference([log10(n) for n in sizes], gru, lstm)
