"""Judge whether clipping prevents explosion."""

from collections.abc import Mapping

import pandas as pd
from scipy import stats

from rnnexp.analysis.claims.claim import HOLDS, OPPOSITE, UNDECIDED, Finding, Part, whole
from rnnexp.analysis.claims.runs import cells_of, everything
from rnnexp.analysis.contrasts import TooFewRuns
from rnnexp.analysis.described import DONE
from rnnexp.analysis.figures.panels import Panel, Series, draw_panels
from rnnexp.analysis.figures.style import look_of
from rnnexp.analysis.intervals import Rate, rate_interval
from rnnexp.analysis.multiplicity import holm
from rnnexp.analysis.study import Study

CLIP, RATE = "optimizer.clip_norm", "lr"
LEVEL = 0.05


def judge(studies: Mapping[str, Study]) -> Finding:
    """Compare how often runs diverge without a limit of the gradient's norm and with one."""
    runs = everything(studies["clipping"], CLIP)
    runs = runs[runs["status"].isin(DONE)]
    limits = sorted(runs[CLIP].dropna().unique(), reverse=True)
    free = runs[runs[CLIP].isna()]
    if free.empty or not limits:
        raise TooFewRuns("no runs without a limit beside runs with one")
    pairs = [(limit, runs[runs[CLIP] == limit]) for limit in limits]
    p_values = holm([_fisher(free, own) for _, own in pairs])
    without = _rate(free)
    parts = []
    for (limit, own), p in zip(pairs, p_values):
        limited = _rate(own)
        kind = UNDECIDED if p >= LEVEL else HOLDS if limited.rate < without.rate else OPPOSITE
        said = f"{_words(limited)}; without {_words(without)}"
        how = f"Fisher's exact p = {p:.2g}, Holm over {len(pairs)} tests"
        parts.append(Part(f"diverged with a limit of {limit:g}", said, kind, how=how))
    each = "; ".join(
        f"with one of {limit:g}, {_words(_rate(own))} (p = {p:.2g})"
        for (limit, own), p in zip(pairs, p_values)
    )
    sentence = (
        f"Without a limit {_words(without)} of the runs diverged; {each} (Fisher's exact test, Holm over "
        f"{len(pairs)} tests)."
    )
    for cell in cells_of(runs):
        for name, own in (("no limit", free), *((f"limit {limit:g}", own) for limit, own in pairs)):
            parts.append(Part(f"{cell}, {name}", _words(_rate(own[own["cell"] == cell])), "", decides=False))
    picture = draw_panels(
        [_panel("no limit", free), *(_panel(f"limit {limit:g}", own) for limit, own in pairs)],
        "learning rate",
        "share of runs that diverged",
        "How often training diverges",
        log_x=True,
        shared=True,
    )
    return Finding(whole(parts), sentence, parts, {"clipping": picture}, [MEANING])


MEANING = (
    "A run diverged where a loss was not finite, where its best validation loss is no better than equal odds, or "
    "where its last is worse than its first without overfitting. 500 updates at a constant rate; rates and cells "
    "are pooled, alike in number with each limit."
)


def _rate(runs: pd.DataFrame) -> Rate:
    return rate_interval(int((runs["status"] == "diverged").sum()), max(len(runs), 1))


def _words(rate: Rate) -> str:
    """Return "7 in 15, 47% (95% interval 21 to 73%)"."""
    ends = f"{100 * rate.low:.0f} to {100 * rate.high:.0f}%"
    return f"{rate.count} in {rate.n}, {100 * rate.rate:.0f}% (95% interval {ends})"


def _fisher(a: pd.DataFrame, b: pd.DataFrame) -> float:
    table = [
        [int((own["status"] == "diverged").sum()), int((own["status"] != "diverged").sum())] for own in (a, b)
    ]
    return float(stats.fisher_exact(table).pvalue)


def _panel(title: str, runs: pd.DataFrame) -> Panel:
    lines = []
    for cell in cells_of(runs):
        own = runs[runs["cell"] == cell]
        rates = sorted(own[RATE].unique())
        lines.append(
            Series.of_rates(cell, look_of(cell), rates, [_rate(own[own[RATE] == rate]) for rate in rates])
        )
    return Panel(title, lines, ticks={float(rate): f"{rate:g}" for rate in sorted(runs[RATE].unique())})
