"""The copying task: letters, blanks, a mark, the letters again; what is best is checked by counting all sequences."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from rnnexp.data.batches import Sequences
from rnnexp.data.datasets import copy
from rnnexp.errors import UserError
from rnnexp.experiment import rules
from tests.experiment.test_configs import composed


def lines(corpus, split):
    """The sequences of a split, each a list of symbols."""
    text = " ".join(corpus.vocabulary.symbols[token] for token in corpus.splits[split])
    return [line.split() for line in text.split("<eos>") if line.strip()]


def test_every_sequence_has_its_letters_twice_with_blanks_and_a_mark_between():
    corpus = copy.make(alphabet=5, remember=3, lag=4, train_sequences=50, valid_sequences=7, test_sequences=9)
    for split, number in ("train", 50), ("valid", 7), ("test", 9):
        found = lines(corpus, split)
        assert len(found) == number
        for line in found:
            assert line[3:8] == ["_"] * 4 + [":"]
            assert line[:3] == line[8:]
            assert set(line[:3]) <= set("abcde")
    assert lines(corpus, "train")[:7] != lines(corpus, "valid")


def test_a_source_of_batches_reads_them_each_from_nothing():
    corpus = copy.make(remember=2, lag=1, train_sequences=6, valid_sequences=1, test_sequences=1)
    batches = Sequences(corpus.splits["train"], corpus.end, batch_size=3, bptt=7)
    assert len(batches) == 2
    assert all(batches.starts_fresh(k) and batches.window(k)[1].shape == (7, 3) for k in range(2))


@pytest.mark.parametrize(("alphabet", "remember", "lag"), [(2, 3, 2), (3, 2, 0), (4, 1, 3)])
def test_the_best_loss_is_that_of_a_model_that_counts_all_sequences(alphabet, remember, lag):
    """The odds of each next symbol, from the share of the equally likely sequences that begin alike."""
    options = {"alphabet": alphabet, "remember": remember, "lag": lag}
    corpus = copy.make(**options, train_sequences=20, valid_sequences=10, test_sequences=30)
    every = [
        (*letters, *"_" * lag, ":", *letters, "<eos>")
        for letters in itertools.product("abcd"[:alphabet], repeat=remember)
    ]
    begins = Counter(one[:n] for one in every for n in range(len(every[0]) + 1))
    nats = [
        -math.log(begins[(*line, "<eos>")[: n + 1]] / begins[(*line, "<eos>")[:n]])
        for line in lines(corpus, "test")
        for n in range(len(line) + 1)
    ]
    assert corpus.test_truth.nats == pytest.approx(nats, abs=1e-6)
    assert corpus.oracle["test"] == pytest.approx(np.mean(nats), abs=1e-9)
    assert corpus.oracle["train"] == corpus.oracle["valid"] == corpus.oracle["test"]


def test_every_token_has_its_place():
    corpus = copy.make(remember=2, lag=3, train_sequences=1, valid_sequences=1, test_sequences=2)
    truth = corpus.test_truth
    one = [
        ("letter", 0), ("letter", 0), ("wait", 0), ("wait", 1), ("wait", 2), ("wait", 3),
        ("recall", 6), ("recall", 6), ("end", 0),
    ]  # fmt: skip
    assert list(zip((truth.kinds[kind] for kind in truth.kind), truth.size.tolist())) == one * 2
    # the size of a letter that is recalled is its distance from the one that it repeats
    tokens = corpus.splits["test"]
    for place in np.flatnonzero(truth.kind == truth.kinds.index("recall")):
        assert tokens[place] == tokens[place - truth.size[place]]


def test_letters_come_equally_often():
    corpus = copy.make(
        alphabet=4, remember=5, lag=0, train_sequences=2_000, valid_sequences=1, test_sequences=1
    )
    counts = np.bincount(corpus.splits["train"])[:4]
    assert counts.sum() == 20_000
    assert abs(counts - 5_000).max() < 5 * math.sqrt(2 * 10_000 * 2 * 3 / 16)


def test_the_same_seed_gives_the_same_bytes_everywhere():
    small = {
        "alphabet": 4,
        "remember": 3,
        "lag": 4,
        "train_sequences": 4,
        "valid_sequences": 2,
        "test_sequences": 3,
    }
    known = "0a1100e2c0796e86b5f9da755712451e1babd309e21a1b19111f77b32a2be182"
    assert copy.make(seed=0, **small).digest() == known
    assert copy.make(seed=1, **small).digest() != known


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("alphabet", 1, "from 2 to 26"),
        ("remember", 0, "from 1 to 100"),
        ("lag", -1, "from 0 to 1000"),
        ("train_sequences", 0, "from 1 to 100000"),
        ("test_sequences", 100_001, "from 1 to 100000"),
    ],
)
def test_sizes_that_cannot_be_are_refused_by_name(key, value, allowed):
    with pytest.raises(UserError, match=f"dataset.{key}={value} must be {allowed}"):
        rules.check(composed("dataset=copy", f"dataset.{key}={value}"))
