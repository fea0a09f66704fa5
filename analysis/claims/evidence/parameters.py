"""Judge whether GRU has fewer parameters and trains faster."""

from collections.abc import Mapping
from dataclasses import replace
from math import exp

import numpy as np
import pandas as pd

from rnnexp.analysis.claims.claim import Finding, Part, Test, test_together
from rnnexp.analysis.claims.runs import counted, values
from rnnexp.analysis.contrasts import contrast
from rnnexp.analysis.figures.forest import draw_forest
from rnnexp.analysis.study import Study

MARGIN = 0.02  # of the logarithm of a time: 2%
MATCHED = "model.match_params"


def judge(studies: Mapping[str, Study]) -> Finding:
    """Compare counts, and the CPU seconds of an epoch, at one width and at one size."""
    runs = counted(studies["parameters"], MATCHED)
    runs = runs.assign(log_s=np.log(runs["epoch_cpu_s"]))
    at = {"one width": runs[runs[MATCHED].isna()], "one size": runs[runs[MATCHED].notna()]}
    times = {name: [values(own, "log_s", cell=cell) for cell in ("lstm", "gru")] for name, own in at.items()}
    differences = {name: contrast([(1, lstm), (-1, gru)]) for name, (lstm, gru) in times.items()}
    (lstm, gru), (matched_lstm, matched_gru) = times.values()
    shrinks = contrast([(1, lstm), (-1, gru), (-1, matched_lstm), (1, matched_gru)])
    faster = [
        Test(f"CPU seconds of an epoch of the GRU at {name}", gap, MARGIN, _less)
        for name, gap in differences.items()
    ]
    tests = test_together(
        [
            *faster,
            Test(
                "the advantage at one width less that at one size",
                shrinks,
                MARGIN,
                _points,
            ),
        ]
    )
    # the claim is about cells of one width; how it fares at one size stands beside
    tests = [tests[0], *(replace(part, decides=False) for part in tests[1:])]
    parts = [*(_counts(name, own) for name, own in at.items()), *tests]
    fewer = _share(at["one width"], "recurrent_parameters")
    sentence = (
        f"Of one width the GRU has {fewer:.0%} of the LSTM's recurrent parameters, exactly, and an epoch takes "
        f"it {tests[0].said}; of one size, {tests[1].said} ({tests[0].how})."
    )
    picture = draw_forest(
        {f"at {name}": gap for name, gap in differences.items()},
        "CPU time of an epoch: LSTM over GRU, logarithm (0.1 is 10%)",
        "How much faster the GRU trains",
    )
    return Finding(tests[0].kind, sentence, parts, {"parameters": picture}, [TIMES])


TIMES = (
    "CPU seconds of small models on a machine that other work shared: they say how this program's loops compare "
    "(rnnexp's numba engine, one thread), not what another library or a GPU takes."
)


def _less(gap: float) -> str:
    """Return a difference of logarithms as what the smaller time saves."""
    share = 1 - exp(-gap)
    return f"{abs(share):.0%} {'less' if share >= 0 else 'more'}"


def _points(gap: float) -> str:
    return f"{100 * gap:+.0f} points".replace("-", "\N{MINUS SIGN}")


def _share(runs: pd.DataFrame, column: str) -> float:
    lstm, gru = (runs[runs["cell"] == cell][column].mean() for cell in ("lstm", "gru"))
    return float(gru / lstm)


def _counts(name: str, runs: pd.DataFrame) -> Part:
    """Return the exact counts of both cells."""
    said = []
    for cell in "lstm", "gru":
        own = runs[runs["cell"] == cell].iloc[0]
        said.append(
            f"{cell} {own['hidden_size']:.0f} units, {own['parameters']:,.0f} parameters, "
            f"{own['recurrent_parameters']:,.0f} of them recurrent"
        )
    return Part(f"parameters at {name}", "; ".join(said), "", decides=False)
