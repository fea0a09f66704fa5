"""Give the loss of models that only count: beside it one sees what a recurrent model is worth, or that a run broke.

The trigram model is Jelinek and Mercer's (1980): `p(w | u v) = a3 c(uvw)/c(uv) + a2 c(vw)/c(v) + a1 c(w)/N + a0/V`
with the shares `a` that are best on the validation split.
"""

import math

import numpy as np

from rnnexp.data.corpus import Corpus

MOST_TOKENS = 10_000_000  # of the training split, its first: seconds instead of minutes for 100 MB
ROUNDS = 30  # of expectation and maximisation, after which the loss moves in its fifth digit


def ngram_losses(corpus: Corpus, split: str = "test") -> dict[str, float]:
    """Return nats per predicted token of a split by `uniform` odds, by frequency (`unigram`) and by `trigram`."""
    size = len(corpus.vocabulary)
    trained = with_context(corpus, corpus.splits["train"][:MOST_TOKENS])
    valid, asked = (
        estimates(trained, with_context(corpus, corpus.splits[name]), size) for name in ("valid", split)
    )
    found = {"uniform": math.log(size)}
    for name, orders in ("unigram", 2), ("trigram", 4):
        found[name] = float(-np.log(best_shares(valid[:orders]) @ asked[:orders]).mean())
    return found


def with_context(corpus: Corpus, tokens: np.ndarray) -> np.ndarray:
    """Return every predicted token of tokens (N,) after the two before it: (M, 3).

    Before a sequence stand two ends of one; before a stream, its first token once more.
    """
    start = tokens[0] if corpus.end is None else corpus.end
    padded = np.concatenate([[start, start], tokens]).astype(np.int64)
    rows = np.lib.stride_tricks.sliding_window_view(padded, 3)[corpus.first_target :].copy()
    if corpus.end is not None:
        rows[rows[:, 1] == corpus.end, 0] = corpus.end
    return rows


def estimates(trained: np.ndarray, asked: np.ndarray, size: int) -> np.ndarray:
    """Return the probability of each token asked (M, 3) by equal odds, 1, 2 and 3 symbols: (4, M)."""
    found = np.zeros((4, len(asked)))
    found[0] = 1 / size
    for order in 1, 2, 3:
        grams, contexts = slice(3 - order, 3), slice(3 - order, 2)
        count = counts(trained[:, grams], asked[:, grams], size)
        of_context = counts(trained[:, contexts], asked[:, contexts], size)
        np.divide(count, of_context, out=found[order], where=of_context > 0)
    return found


def counts(trained: np.ndarray, asked: np.ndarray, size: int) -> np.ndarray:
    """Return how often each row of `asked` (M, K) is one of `trained` (N, K); of empty rows, N."""
    powers = size ** np.arange(trained.shape[1])
    known, number = np.unique(trained @ powers, return_counts=True)
    codes = asked @ powers
    places = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    return np.where(known[places] == codes, number[places], 0)


def best_shares(probabilities: np.ndarray) -> np.ndarray:
    """Return the shares (K,) of models in a mixture that give tokens the most likelihood: (K, M) probabilities.

    A model that explains no token keeps the share of one, for another text may need it.
    """
    models, tokens = probabilities.shape
    shares = np.full(models, 1 / models)
    for _ in range(ROUNDS):
        weighted = shares[:, None] * probabilities
        shares = ((weighted / weighted.sum(axis=0)).sum(axis=1) + 1) / (tokens + models)
    return shares
