"""Models that count, against the definition written out, and against what is known of a text."""

import math
from collections import Counter

import numpy as np
import pytest

from rnnexp.data.corpus import Corpus
from rnnexp.data.vocabulary import Vocabulary
from rnnexp.evaluation.ngrams import best_shares, estimates, ngram_losses, with_context


def corpus_of(rng, sizes=(400, 100, 100), end=None, symbols="abcde"):
    splits = {
        split: rng.integers(len(symbols), size=size).astype(np.int32)
        for split, size in zip(("train", "valid", "test"), sizes)
    }
    if end is not None:
        for tokens in splits.values():
            tokens[-1] = end
    return Corpus(Vocabulary(symbols), splits, end=end)


def padded(corpus, split):
    """The predicted tokens of a split with the two before each, one by one."""
    tokens, end = corpus.splits[split].tolist(), corpus.end
    rows = []
    for i, token in enumerate(tokens):
        before = [end if end is not None else tokens[0]] * 2 + tokens[:i]
        if end is not None and before[-1] == end:
            before[-2] = end
        rows.append((before[-2], before[-1], token))
    return rows if end is not None else rows[1:]


@pytest.mark.parametrize("end", [None, 2])
def test_estimates_are_shares_of_counts(end):
    corpus = corpus_of(np.random.default_rng(0), end=end)
    known, asked = padded(corpus, "train"), padded(corpus, "test")
    assert with_context(corpus, corpus.splits["test"]).tolist() == [list(row) for row in asked]
    count = [Counter(row[3 - n :] for row in known) for n in range(4)]
    context = [Counter(row[3 - n : 2] for row in known) for n in range(4)]
    expected = [[1 / 5] * len(asked)]
    for n in 1, 2, 3:
        expected.append([
            count[n][row[3 - n :]] / max(1, context[n][row[3 - n : 2]]) for row in asked
        ])  # fmt: skip
    rows = [with_context(corpus, corpus.splits[split]) for split in ("train", "test")]
    assert estimates(*rows, size=5) == pytest.approx(np.array(expected))


def test_shares_are_the_most_likely():
    probabilities = np.random.default_rng(1).random((2, 5000))
    shares = best_shares(probabilities)
    grid = np.linspace(0, 1, 2001)
    likelihood = [np.log(share * probabilities[0] + (1 - share) * probabilities[1]).sum() for share in grid]
    assert shares[0] == pytest.approx(grid[int(np.argmax(likelihood))], abs=0.02)


def test_a_text_that_repeats_is_learnt_and_a_random_one_is_not():
    again = np.tile([0, 1, 2, 3, 4], 80).astype(np.int32)
    found = ngram_losses(Corpus(Vocabulary("abcde"), dict.fromkeys(("train", "valid", "test"), again)))
    assert found["uniform"] == pytest.approx(math.log(5))
    assert found["unigram"] == pytest.approx(math.log(5), abs=1e-3)
    assert found["trigram"] < 0.03
    chance = ngram_losses(corpus_of(np.random.default_rng(2), (20_000, 5_000, 5_000)))
    assert chance["trigram"] == pytest.approx(math.log(5), abs=0.01)


def test_a_symbol_that_training_lacks_has_some_probability():
    corpus = corpus_of(np.random.default_rng(3))
    corpus.splits["test"][50] = corpus.splits["valid"][50] = 5
    unseen = Corpus(Vocabulary("abcdef"), corpus.splits)
    assert all(math.isfinite(loss) for loss in ngram_losses(unseen).values())
