"""Judge whether dropout in depth helps, in time hurts, and in time with one mask does not hurt."""

from collections.abc import Mapping

import pandas as pd

from rnnexp.analysis.claims.claim import (
    HOLDS,
    OPPOSITE,
    SUPPORTS,
    UNDECIDED,
    Finding,
    Part,
    how,
    in_words,
    kind_of,
    mean_of,
    signed,
    whole,
)
from rnnexp.analysis.claims.runs import cells_of, counted, is_on, losses_by_seed
from rnnexp.analysis.contrasts import TooFewRuns
from rnnexp.analysis.differences import Difference, paired
from rnnexp.analysis.figures.forest import draw_forest
from rnnexp.analysis.multiplicity import Adjusted, adjust
from rnnexp.analysis.study import Study
from rnnexp.analysis.verdict import FULL

MARGIN = 0.01  # nats per token
RATE, MASKS = "model.dropout", "model.recurrent_variational"
WITHOUT, DEPTH, FRESH, ONE = "without", "in depth", "and in time, fresh masks", "and in time, one mask"
HELPS, HURTS, HARMLESS = "in depth", "in time", "in time with one mask"
# what is measured -> whose losses are taken from whose; above 0 where the claim is right
MEASURED = {HELPS: (WITHOUT, DEPTH), HURTS: (FRESH, DEPTH), HARMLESS: (DEPTH, ONE)}
WORDS = {
    HELPS: "test loss without dropout less that with it in depth",
    HURTS: "test loss with fresh masks in time besides less that without them",
    HARMLESS: "test loss without masks in time less that with one mask for all steps",
}


def judge(studies: Mapping[str, Study]) -> Finding:
    """Compare the losses without dropout, with it in depth, and in time besides, seed by seed."""
    losses = _losses(studies)
    gaps = {
        (cell, name): gap
        for cell, own in losses.items()
        for name, (a, b) in MEASURED.items()
        if (gap := _paired(own, a, b)) is not None
    }
    if not gaps:
        raise TooFewRuns("no cell has two seeds with and without")
    tested = dict(zip(gaps, adjust(list(gaps.values()))))
    nats = signed(3)
    parts = [
        Part(
            f"{cell}, {name}: {WORDS[name]}",
            in_words(one, nats, "nats"),
            harmless(one, MARGIN) if name == HARMLESS else kind_of(one, MARGIN),
            how=how(one),
        )
        for (cell, name), one in tested.items()
    ]
    beside = [
        Part(f"{cell}, {name}", mean_of(own[name]), "", False)
        for cell, own in losses.items()
        for name in (WITHOUT, DEPTH, FRESH, ONE)
        if name in own
    ]
    each = "; ".join(
        f"{WORDS[name]}, {cells}"
        for name in MEASURED
        if (
            cells := ", ".join(
                f"{cell} {in_words(one, nats, 'nats')}" for (cell, of), one in tested.items() if of == name
            )
        )
    )
    sentence = f"{each[:1].upper()}{each[1:]} ({parts[0].how})."
    picture = draw_forest(
        {f"{cell}, {name}": one.difference for (cell, name), one in tested.items()},
        "nats per letter; above 0: as the claim says",
        "Dropout in depth, in time, and in time with one mask",
    )
    return Finding(whole(parts), sentence, [*parts, *beside], {"dropout": picture}, [SETTINGS])


SETTINGS = (
    "Two layers of LSTM, 44,763 parameters in all, on names of dinosaurs, at the rate of {2, 4, 8, 16} that was best "
    "without dropout; dropout 0.3 before, between and after the layers, and 0.3 of the state in the direction of time "
    "besides. The book drops in models hundreds of times as large, which overfit more. That one mask does not hurt "
    "holds where the interval excludes a harm of 0.01 nats. GRUs and Penn Treebank are not tried."
)


def harmless(tested: Adjusted, margin: float) -> str:
    """Return what a difference that is below 0 where something does harm says of its doing none that matters."""
    kind = kind_of(tested, margin)
    gap = tested.difference
    if min(gap.n_a, gap.n_b) < FULL:
        return kind
    if gap.low > -margin or kind in SUPPORTS:  # a harm that is surely small is none that matters
        return HOLDS
    return OPPOSITE if kind == OPPOSITE else UNDECIDED


def _losses(studies: Mapping[str, Study]) -> dict[str, dict[str, pd.Series]]:
    """Return the test losses by seed, of each cell and way of dropping."""
    runs = counted(studies["dropout"], RATE)
    found = {
        cell: {
            name: losses_by_seed(own)
            for name, own in (
                (WITHOUT, runs[(runs["cell"] == cell) & (runs[RATE] == 0)]),
                (DEPTH, runs[(runs["cell"] == cell) & (runs[RATE] > 0)]),
            )
            if len(own)
        }
        for cell in cells_of(runs)
    }
    if "dropout_in_time" in studies:
        in_time = counted(studies["dropout_in_time"])
        is_one = is_on(studies["dropout_in_time"], MASKS, in_time)
        for cell in found:
            for name, of in ((FRESH, ~is_one), (ONE, is_one)):
                own = in_time[(in_time["cell"] == cell) & of]
                if len(own):
                    found[cell][name] = losses_by_seed(own)
    return found


def _paired(losses: Mapping[str, pd.Series], a: str, b: str) -> Difference | None:
    """Return the mean difference of two ways over the seeds of both; None in fewer than two."""
    if not {a, b} <= losses.keys():
        return None
    first, second = losses[a].align(losses[b], join="inner")
    return paired(first, second) if len(first) >= 2 else None
