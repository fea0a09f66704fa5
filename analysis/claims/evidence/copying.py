"""Measure how LSTM and GRU recall letters over growing lags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnexp.analysis.claims.claim import Test, signed
from rnnexp.analysis.claims.runs import counted, number
from rnnexp.analysis.contrasts import contrast, slope_of_difference
from rnnexp.analysis.figures.panels import Panel, Series, draw_panels
from rnnexp.analysis.figures.picture import Picture
from rnnexp.analysis.figures.style import look_of
from rnnexp.analysis.study import Study
from rnnexp.records.folder import RunFolder

MARGIN, SLOPE_MARGIN = 0.01, 0.005  # nats per letter, and nats a doubling
LAG = "dataset.lag"
RECALL = "recall"  # the kind of token
CELLS = "lstm", "gru"


@dataclass(frozen=True)
class Recall:
    """Hold the mean loss of the recalled letters (nats each, 0 at best) of every run: cell -> one list a lag."""

    lags: Sequence[float]
    losses: Mapping[str, Sequence[Sequence[float]]]

    def tests(self) -> list[Test]:
        """Return the LSTM's lead over the longest lag, and how it grows with twice the lag."""
        lstm, gru = (self.losses[cell] for cell in CELLS)
        nats = signed(3)
        return [
            Test(
                f"loss of letters recalled over {self.lags[-1]:g} blanks, GRU less LSTM",
                contrast([(1, gru[-1]), (-1, lstm[-1])]),
                MARGIN,
                nats,
                "nats",
            ),
            Test(
                "how it grows with twice as many blanks",
                slope_of_difference(np.log2(self.lags).tolist(), gru, lstm),
                SLOPE_MARGIN,
                nats,
                "nats",
            ),
        ]

    def picture(self) -> Picture:
        """Return the losses of both cells over the lag."""
        lines = [Series.of_runs(cell, look_of(cell), self.lags, self.losses[cell]) for cell in CELLS]
        return draw_panels(
            [Panel("", lines, ticks={lag: f"{lag:g}" for lag in self.lags})],
            "blanks between the letters and the mark",
            "loss of the recalled letters, nats",
            "Letters recalled over a lag",
            log_x=True,
        )


def recall(study: Study) -> Recall | None:
    """Return what the runs of the copying task recalled; None where fewer than two lags have two runs of both cells."""
    runs = counted(study, LAG)
    found: dict[float, list[list[float]]] = {}
    for lag, own in runs.groupby(LAG):
        each = [_losses(own[own["cell"] == cell]["folder"].tolist()) for cell in CELLS]
        if min(map(len, each)) >= 2:
            found[number(lag)] = each
    lags = sorted(found)
    if len(lags) < 2:
        return None
    return Recall(lags, {cell: [found[lag][place] for lag in lags] for place, cell in enumerate(CELLS)})


def _losses(folders: Sequence[object]) -> list[float]:
    """Return the mean loss of the recalled letters of each run whose losses of tokens are there."""
    found = []
    for folder in folders:
        path = Path(str(folder))
        arrays = RunFolder(path).test_nats() if path.is_dir() else None
        if arrays is not None and RECALL in (kinds := [str(kind) for kind in arrays.get("kinds", ())]):
            found.append(float(arrays["nats"][arrays["kind"] == kinds.index(RECALL)].mean()))
    return found
