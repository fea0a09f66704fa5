"""Say where the gap between two configurations comes from: by kind of token, or by how often a word was seen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from pathlib import Path

import numpy as np
import pandas as pd

from rnnexp.analysis.intervals import t_quantile
from rnnexp.analysis.text_error import blocks, ratio, sentences, text_error
from rnnexp.records.folder import RunFolder

END = "<eos>"  # ends a sentence of a stream, where the vocabulary has it
EVERY = "all"
SIZES = [0, 1, 2, 3, 5, 9, 17, 33]  # where the classes of sizes begin: 0, 1, 2, 3 to 4, 5 to 8, ...
COUNTS = [0, 1, 10, 100, 1_000, 10_000, 100_000]  # likewise of occurrences in training
FREQUENCY = "seen in training"


@dataclass(frozen=True)
class TokenLosses:
    """Hold what a run's test tokens cost it, and to which class each belongs.

    Attributes
    ----------
    nats : (M,) of each token.
    best : (M,) nats of a model that knows the distribution; None where nobody does.
    classes : (kind, size) of each class, such as ("bracket", "3 to 4"), in their order.
    class_of : (M,) the number of each token's class.
    clusters : (M,) the number of each token's sentence, or block of a text without sentences.
    """

    nats: np.ndarray
    best: np.ndarray | None
    classes: list[tuple[str, str]]
    class_of: np.ndarray
    clusters: np.ndarray
    targets: np.ndarray


def read_losses(folder: Path) -> TokenLosses | None:
    """Return the losses of the test tokens of the run in a folder; None where it kept none, or no classes."""
    run = RunFolder(folder)
    arrays = run.test_nats()
    if arrays is None or not {"kind", "train_counts"} & arrays.keys():
        return None
    vocabulary = run.load_vocabulary()
    end = vocabulary.vocabulary.index.get(END) if vocabulary.end is None else vocabulary.end
    return token_losses(arrays, end)


def token_losses(arrays: Mapping[str, np.ndarray], end: int | None) -> TokenLosses:
    """Return the losses with classes and clusters from the arrays that a run keeps, see `RunFolder.test_nats`.

    Where the true distribution is known the classes are of kind and size, else of how often the word to
    predict occurs in the training split.

    Parameters
    ----------
    end : the token that ends a sentence; None: there are none.
    """
    targets = arrays["targets"]
    if "kind" in arrays:
        kinds = [str(kind) for kind in arrays["kinds"]]
        numbers, starts, values = arrays["kind"], SIZES, arrays["size"]
    else:
        kinds, numbers = [FREQUENCY], np.zeros(len(targets), np.int64)
        starts, values = COUNTS, arrays["train_counts"][targets]
    place = np.searchsorted(starts, values, side="right") - 1
    pairs, class_of = np.unique(numbers.astype(np.int64) * len(starts) + place, return_inverse=True)
    names = [(kinds[pair // len(starts)], _between(starts, pair % len(starts))) for pair in pairs]
    if end is not None and np.count_nonzero(targets == end) > 1:
        clusters = sentences(targets, end)
    else:
        clusters = blocks(len(targets))
    return TokenLosses(arrays["nats"].astype(float), arrays.get("oracle"), names, class_of, clusters, targets)


def _between(starts: Sequence[int], place: int) -> str:
    """Return what a class of numbers is called: "3 to 4"."""
    low = starts[place]
    if place + 1 == len(starts):
        return f"{low:,} and more"
    return f"{low:,}" if starts[place + 1] == low + 1 else f"{low:,} to {starts[place + 1] - 1:,}"


def excess_by_class(runs: Mapping[str, Sequence[TokenLosses]]) -> pd.DataFrame:
    """Return a row for each configuration and class of tokens, and one for each kind with the size "all".

    Columns: `configuration kind size tokens`; `excess`, the mean nats per token above the best reachable
    (above 0 where that is not known), of the mean over the runs; `low high`, its 95% interval for other text of
    the kind, clustered by sentence (NaN in fewer than two); `seed_error`, the standard error that other
    seeds bring (NaN of a single run); `best_reachable` (NaN where not known).

    Parameters
    ----------
    runs : by configuration, the runs that are in the numbers. All on the same test text, else ValueError.
    """
    first = _same_text([run for own in runs.values() for run in own])
    rows = []
    for name, own in runs.items():
        excess = np.stack([run.nats - _floor(first) for run in own])
        for kind, size, chosen in _groups(first):
            best = float(first.best[chosen].mean()) if first.best is not None else nan
            numbers = *_mean(excess[:, chosen], first.clusters[chosen]), best
            rows.append((name, kind, size, int(chosen.sum()), *numbers))
    means = ["excess", "low", "high", "seed_error", "best_reachable"]
    names = ["configuration", "kind", "size", "tokens", *means]
    return pd.DataFrame(rows, columns=names)


def gap_by_class(worse: Sequence[TokenLosses], better: Sequence[TokenLosses]) -> pd.DataFrame:
    """Return a row for each class of tokens, and one for each kind: what it owes to the gap of two configurations.

    With `d` the mean loss of `worse` less that of `better` of each token, N tokens in all, columns are
    `kind size tokens`; `gap`, the mean d of the class; `contribution`, its sum over N, so that all
    add up to the gap, with `low high`, the 95% interval clustered by sentence; `share`, its part
    of the sum of all d, with `share_low share_high`, NaN where the interval of the whole gap contains 0:
    parts of what may be nothing say nothing.
    """
    first = _same_text([*worse, *better])
    d = _over_runs(worse) - _over_runs(better)
    is_gap = (whole := text_error(d, first.clusters)).low > 0 or whole.high < 0
    totals = np.bincount(first.clusters, weights=d)
    rows = []
    for kind, size, chosen in _groups(first):
        own = np.where(chosen, d, 0.0)
        part = text_error(own, first.clusters)
        share = _share(np.bincount(first.clusters, weights=own), totals) if is_gap else (nan, nan, nan)
        row = (kind, size, int(chosen.sum()), float(d[chosen].mean()))
        rows.append((*row, part.mean, part.low, part.high, *share))
    parts = ["contribution", "low", "high", "share", "share_low", "share_high"]
    names = ["kind", "size", "tokens", "gap", *parts]
    return pd.DataFrame(rows, columns=names)


def _same_text(runs: Sequence[TokenLosses]) -> TokenLosses:
    """Return the first run, of which all have the classes and clusters."""
    if not runs:
        raise ValueError("there is no run with losses of its tokens")
    if any(not np.array_equal(run.targets, runs[0].targets) for run in runs):
        raise ValueError("the runs were tested on different text: their tokens cannot be compared")
    return runs[0]


def _groups(losses: TokenLosses) -> Iterable[tuple[str, str, np.ndarray]]:
    """Yield kind, size and mask (M,) of each kind as a whole, and after it of each of its classes."""
    for kind in dict.fromkeys(kind for kind, _ in losses.classes):
        own = [number for number, (of, _) in enumerate(losses.classes) if of == kind]
        yield kind, EVERY, np.isin(losses.class_of, own)
        if len(own) > 1:
            for number in own:
                yield kind, losses.classes[number][1], losses.class_of == number


def _floor(losses: TokenLosses) -> np.ndarray | float:
    return 0.0 if losses.best is None else losses.best


def _over_runs(runs: Sequence[TokenLosses]) -> np.ndarray:
    """Return the mean loss (M,) of each token over the runs."""
    return np.mean([run.nats for run in runs], axis=0)


def _mean(excess: np.ndarray, clusters: np.ndarray) -> tuple[float, float, float, float]:
    """Return mean, ends of the interval for other text, and error for other seeds, of losses (R, m)."""
    over_runs, by_run = excess.mean(axis=0), excess.mean(axis=1)
    seed_error = float(by_run.std(ddof=1)) / sqrt(len(by_run)) if len(by_run) > 1 else nan
    if len(np.unique(clusters)) < 2:
        return float(over_runs.mean()), nan, nan, seed_error
    error = text_error(over_runs, clusters)
    return error.mean, error.low, error.high, seed_error


def _share(parts: np.ndarray, totals: np.ndarray) -> tuple[float, float, float]:
    """Return `sum parts / sum totals` over S clusters with its 95% interval; see `ratio`."""
    share, error = ratio(parts, totals)
    half = t_quantile(0.95, len(totals) - 1) * error
    return share, share - half, share + half
