"""Judge whether gates prevent vanishing gradients."""

from collections.abc import Mapping
from math import exp, log

import numpy as np
import pandas as pd

from rnnexp.analysis.claims.claim import Finding, Part, Test, signed, test_together, whole
from rnnexp.analysis.claims.runs import cells_of, counted, number
from rnnexp.analysis.contrasts import TooFewRuns, contrast
from rnnexp.analysis.described import Recorded
from rnnexp.analysis.figures.panels import Panel, Series, draw_panels
from rnnexp.analysis.figures.style import look_of
from rnnexp.analysis.intervals import mean_interval
from rnnexp.analysis.study import Study

MARGIN = 0.3  # decimal orders: a factor of 2
LATE = 50  # steps, over which the norms are compared
EPOCHS, BIAS = "train.max_epochs", "cell.forget_bias"
NORM, KEPT = "metrics.test/reach_log10_", "metrics.test/reach_kept"
STATES = {"untrained": True, "trained": False}


def judge(studies: Mapping[str, Study]) -> Finding:
    """Compare how much of a gradient is left after fifty steps, with gates and without."""
    runs = _with_reach(studies["vanishing"], EPOCHS)
    orders = signed(1)
    tests, panels, beside = [], [], []
    for state, is_new in STATES.items():
        own = runs[(runs[EPOCHS] == 0) == is_new]
        cells = cells_of(own)
        left = {cell: _left(own[own["cell"] == cell]) for cell in cells}
        tests += [
            Test(
                f"{state} {cell}",
                contrast([(1, left[cell]), (-1, left["rnn"])]),
                MARGIN,
                orders,
            )
            for cell in cells
            if cell != "rnn" and "rnn" in left and min(len(left[cell]), len(left["rnn"])) >= 2
        ]
        beside += [
            Part(f"{state} {cell}: kept of each step", _kept(own[own["cell"] == cell]), "", False)
            for cell in cells
        ]
        panels.append(Panel(state, [_series(cell, own[own["cell"] == cell]) for cell in cells], apart=False))
    if not tests:
        raise TooFewRuns("no cell has two runs beside two of the rnn")
    parts = test_together(tests)
    if "vanishing_bias" in studies:
        beside += _biases(_with_reach(studies["vanishing_bias"], BIAS))
    each = "; ".join(f"{part.name} {part.said}" for part in parts)
    sentence = (
        f"Decimal orders of a gradient that are left after {LATE} steps, less those of the vanilla network: {each} "
        f"({parts[0].how})."
    )
    picture = draw_panels(
        panels,
        "k, steps back",
        "norm of dL(T) / dh(T \N{MINUS SIGN} k)",
        "How far gradients reach back",
        y_text=_power,
        shared=True,
    )
    return Finding(
        whole(parts),
        sentence,
        [*parts, *beside],
        {"vanishing": picture},
        [MEANING],
    )


MEANING = (
    "Measured is the norm of dL_T/dh_{T-k}, the gradient of the loss of one token with respect to the hidden state "
    "k steps before, at 32 places of the test text. What is kept of each step is fitted over the first 20 steps. "
    "First weights of the recurrent products have the standard deviation 1/sqrt(H), so that those of a vanilla network "
    "keep about all of a gradient by themselves, and those of an LSTM add up to a quarter (the input gate's half "
    "times the output gate's) to what its forget gate keeps: other first weights give other answers for untrained "
    "models."
)


def _with_reach(study: Study, key: str) -> pd.DataFrame:
    """Return the counted runs with what their gradients reach: columns `reach_K` and `kept`."""
    has = Recorded(study.recorded)
    columns = {
        f"reach_{name.removeprefix(NORM)}": has.number(name)
        for name in map(str, study.recorded.columns)
        if name.startswith(NORM)
    }
    runs = counted(study, key)
    return runs.assign(
        **{name: column[runs.index] for name, column in columns.items()}, kept=has.number(KEPT)[runs.index]
    )


def _left(runs: pd.DataFrame) -> list[float]:
    """Return how many decimal orders of the norm of the first step are left after fifty, of each run."""
    return [float(value) for value in (runs[f"reach_{LATE}"] - runs["reach_1"]).dropna()]


def _kept(runs: pd.DataFrame) -> str:
    kept = mean_interval(runs["kept"])
    said = f"{kept.mean:.3f} (95% interval {kept.low:.3f} to {kept.high:.3f}, {kept.n} runs)"
    return f"{said}: a half-life of {log(0.5) / log(kept.mean):.1f} steps" if 0 < kept.mean < 1 else said


def _biases(runs: pd.DataFrame) -> list[Part]:
    """Return what untrained LSTMs keep by the first bias of their forget gate, beside what the gate alone keeps."""
    return [
        Part(
            f"untrained lstm, forget bias {bias:g}: kept of each step",
            f"{_kept(own)}; the gate alone keeps {1 / (1 + exp(-number(bias))):.2f}",
            "",
            False,
        )
        for bias, own in runs.groupby(BIAS)
    ]


def _series(cell: str, runs: pd.DataFrame) -> Series:
    lags = sorted(int(name.removeprefix("reach_")) for name in runs.columns if str(name).startswith("reach_"))
    values = np.array([[float(run[f"reach_{lag}"]) for lag in lags] for _, run in runs.iterrows()])
    return Series.of_runs(cell, look_of(cell), lags, values.T.tolist())


def _power(value: float) -> str:
    """Return a power of ten as people write it."""
    digits = f"{value:.0f}".replace("-", "\N{SUPERSCRIPT MINUS}")
    raised = digits.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return {"⁰": "1", "¹": "10"}.get(raised, f"10{raised}")
