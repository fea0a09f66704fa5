"""Judge whether GRU wants a lower learning rate."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from rnnexp.analysis.claims.claim import UNDECIDED, Finding, Part, Test, test_together, times
from rnnexp.analysis.claims.runs import counted, everything, number
from rnnexp.analysis.contrasts import LEAST_RATES, TooFewRuns, contrast, near_best, optimum
from rnnexp.analysis.figures.panels import Panel, Series, draw_panels
from rnnexp.analysis.figures.style import look_of
from rnnexp.analysis.intervals import mean_interval
from rnnexp.analysis.study import Study

MARGIN = 0.5  # of the logarithm to the base 2: half a step of the grid
EACH_SIDE = 2  # rates of the grid beside the best, through which a parabola is laid
CELLS = "lstm", "gru"
HIGHEST = 1.0  # nats above the best, from which on losses are not drawn


def judge(studies: Mapping[str, Study]) -> Finding:
    """Compare where the parabolas through the losses over the rates are lowest, a parabola a seed."""
    study = studies["learning_rate"]
    runs = counted(study)
    if any((runs["cell"] == cell).sum() < LEAST_RATES for cell in CELLS):
        raise TooFewRuns("a cell has too few rates")
    found = {cell: _optima(runs[runs["cell"] == cell]) for cell in CELLS}
    diverged = everything(study)
    diverged = diverged[diverged["status"] == "diverged"]
    beside = [_best(cell, runs[runs["cell"] == cell], own) for cell, own in found.items()]
    if len(diverged):
        each = ", ".join(
            f"{cell} {count}" for cell, count in diverged["cell"].value_counts().sort_index().items()
        )
        beside.append(Part("diverged", f"{each} runs, at rates from {diverged['lr'].min():g}", "", False))
    ticks = {float(rate): f"{rate:g}" for rate in sorted(runs["lr"].unique())}
    picture = draw_panels(
        [Panel("", [_series(cell, runs[runs["cell"] == cell]) for cell in CELLS], ticks=ticks)],
        "learning rate",
        "validation loss, nats per token",
        "Nine rates",
        log_x=True,
    )
    if min(map(len, found.values())) < 2:
        return Finding(
            UNDECIDED,
            "The parabolas of too few seeds have a lowest point among the rates.",
            beside,
            {"learning_rate": picture},
        )
    lstm, gru = (found[cell] for cell in CELLS)
    (part,) = test_together(
        [
            Test(
                "the best rate of the LSTM over that of the GRU",
                contrast([(1, lstm), (-1, gru)]),
                MARGIN,
                times,
            )
        ]
    )
    sentence = f"The LSTM's best rate is {part.said} the GRU's ({part.how})."
    return Finding(part.kind, sentence, [part, *beside], {"learning_rate": picture}, [SHORT])


SHORT = (
    "The first rate, which the schedule lowers, in 800 updates; short training favours high rates. The best rate of a "
    "seed is where the parabola through the best rate of its cell and two on each side is lowest."
)


def _optima(runs: pd.DataFrame) -> list[float]:
    """Return the lowest points of the parabolas of each seed; of a seed that has none nothing."""
    if runs.empty:
        return []
    means = runs.groupby("lr")["valid_loss"].mean()
    rates = near_best(means.index.tolist(), means.tolist(), EACH_SIDE)
    near = runs[runs["lr"].isin(rates)]
    found = [optimum(own["lr"].tolist(), own["valid_loss"].tolist()) for _, own in near.groupby("seed")]
    return [one for one in found if one is not None]


def _best(cell: str, runs: pd.DataFrame, found: list[float]) -> Part:
    if len(found) < 2:
        return Part(
            f"best rate, {cell}",
            f"no lowest point among the rates in {runs['seed'].nunique()} seeds",
            "",
            False,
        )
    place = mean_interval(found)
    ends = f"{2**place.low:.3g} to {2**place.high:.3g}"
    said = f"{2**place.mean:.3g} (95% interval {ends}, {place.n} of {runs['seed'].nunique()} seeds)"
    return Part(f"best rate, {cell}", said, "", False)


def _series(cell: str, runs: pd.DataFrame) -> Series:
    """Return the losses of a cell over the rates, those far above the best left out."""
    by_rate = {number(rate): own["valid_loss"].tolist() for rate, own in runs.groupby("lr")}
    least = min((np.mean(own) for own in by_rate.values()), default=0.0)
    shown = {rate: own for rate, own in sorted(by_rate.items()) if np.mean(own) < least + HIGHEST}
    return Series.of_runs(cell, look_of(cell), list(shown), list(shown.values()))
