"""Judge whether LSTM counts beyond what it was trained on, and GRU does not."""

from collections.abc import Mapping, Sequence
from math import log, log2
from pathlib import Path

import numpy as np

from rnnexp.analysis.claims.claim import Finding, Part, Test, test_together, times, whole
from rnnexp.analysis.claims.runs import counted, number
from rnnexp.analysis.contrasts import contrast
from rnnexp.analysis.figures.panels import Panel, Series, draw_panels
from rnnexp.analysis.figures.style import look_of
from rnnexp.analysis.intervals import mean_interval
from rnnexp.analysis.study import Study
from rnnexp.records.folder import RunFolder

MARGIN = 0.1  # of the logarithm to the base 2: 7%
TRAINED = "dataset.max_count"
USUAL = 30.0  # where that is not recorded, for it was so before it could be chosen
RIGHT = log(2)  # nats: a word that is more likely than all others together
CELLS = "lstm", "gru"


def judge(studies: Mapping[str, Study]) -> Finding:
    """Compare the longest number up to which a run gets every sentence right, with that of training and by cell."""
    runs = counted(studies["counting"], TRAINED)
    to = number(runs[TRAINED].fillna(USUAL).max()) if len(runs) else USUAL
    sentences = {cell: _sentences(runs[runs["cell"] == cell]["folder"].tolist()) for cell in CELLS}
    longest = {cell: [longest_right(*own) for own in found] for cell, found in sentences.items()}
    logs = {cell: [log2(max(n, 1)) for n in own] for cell, own in longest.items()}
    parts = test_together(
        [
            Test(
                f"longest number of the LSTM, over the {to:.0f} of training",
                contrast([(1, [value - log2(to) for value in logs["lstm"]])]),
                MARGIN,
                times,
            ),
            Test(
                "longest number of the LSTM, over the GRU's",
                contrast([(1, logs["lstm"]), (-1, logs["gru"])]),
                MARGIN,
                times,
            ),
        ]
    )
    each = {cell: mean_interval(logs[cell]) for cell in CELLS}
    beside = [
        Part(
            f"longest number with all right, {cell}",
            f"{2**mean.mean:.0f} (95% interval {2**mean.low:.0f} to {2**mean.high:.0f}; each run: "
            f"{', '.join(map(str, longest[cell]))})",
            "",
            False,
        )
        for cell, mean in each.items()
    ]
    sentence = (
        f"Trained to {to:.0f}, the LSTM gets every number right up to {parts[0].said} that, and as far as "
        f"{parts[1].said} the GRU ({parts[0].how})."
    )
    picture = draw_panels(
        [
            Panel(
                "",
                [_series(cell, found) for cell, found in sentences.items()],
                apart=False,
                marks={to: "longest in training"},
            )
        ],
        "number of ticks in a sentence",
        "share of runs that get it right",
        "How far they count",
    )
    return Finding(whole(parts), sentence, [*parts, *beside], {"counting": picture}, [MEANING])


MEANING = (
    "A sentence is right where the model gives more than half of the probability to each word that is certain: "
    "every tock after the first, and the end. A run that gets the shortest sentence wrong counts as 1. The text has "
    "sentences of ticks and tocks alone, the LSTM 24 units."
)


def counts_and_right(
    nats: np.ndarray, best: np.ndarray, size: np.ndarray, is_end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of ticks (S,) of each whole sentence, and whether all that is certain in it was predicted.

    Parameters
    ----------
    nats : (M,) of each token. best : (M,) nats of a model that knows the grammar: 0 where a token is certain.
    size : (M,) ticks that have no tock yet. is_end : (M,) whether a token ends its sentence.
    """
    of = np.cumsum(is_end) - is_end
    counts = np.zeros(int(is_end.sum()), int)
    right = np.ones(len(counts), bool)
    for sentence in range(len(counts)):
        own = of == sentence
        counts[sentence] = size[own].max()
        right[sentence] = bool((nats[own & (best < 1e-6)] < RIGHT).all())
    return counts, right


def longest_right(counts: np.ndarray, right: np.ndarray) -> int:
    """Return the longest number up to which every sentence is right; 0 where the shortest is not."""
    wrong = counts[~right]
    below = counts[counts < wrong.min()] if len(wrong) else counts
    return int(below.max()) if len(below) else 0


def _sentences(folders: Sequence[object]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return counts and whether they are right, of each run whose losses of tokens are there."""
    found = []
    for folder in folders:
        run = RunFolder(Path(str(folder)))
        arrays = run.test_nats() if Path(str(folder)).is_dir() else None
        if arrays is not None and "oracle" in arrays:
            end = run.load_vocabulary().vocabulary.index["<eos>"]
            found.append(
                counts_and_right(arrays["nats"], arrays["oracle"], arrays["size"], arrays["targets"] == end)
            )
    return found


def _series(cell: str, runs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Series:
    """Return the share of runs that get the sentences of tens of ticks right."""
    starts = sorted({int(count) // 10 * 10 for counts, _ in runs for count in counts})
    shares = [
        [float(right[(counts >= start) & (counts < start + 10)].mean()) for counts, right in runs]
        for start in starts
    ]
    return Series(
        cell, look_of(cell), np.array(starts, float) + 5, np.array([np.mean(own) for own in shares])
    )
