"""Perplexity counts every target once and depends on nothing but model and text."""

import itertools
import math

import numpy as np
import pytest

from rnnexp.evaluation import perplexity as module
from rnnexp.evaluation.perplexity import evaluate, loss_metrics, perplexity
from tests.helpers.variants import small_model

V = 11
TOKENS = np.random.default_rng(0).integers(V, size=101)


def naive_loss(model, tokens):
    """One token at a time."""
    state, nats = model.zero_state(1), 0.0
    for before, after in itertools.pairwise(tokens):
        step, state = model.forward(np.array([[before]]), np.array([[after]]), state, model.workspace())
        nats += step
    return nats / (len(tokens) - 1)


@pytest.mark.parametrize("rows", [1, 7, 100, 512])
def test_loss_does_not_depend_on_the_window(rows, monkeypatch):
    monkeypatch.setattr(module, "WINDOW_TOKENS", rows)
    model = small_model("lstm", num_layers=2)
    assert evaluate(model, TOKENS) == pytest.approx(naive_loss(model, TOKENS), rel=1e-12)


@pytest.mark.parametrize("streams", [2, 3, 7, 99])
def test_more_streams_are_the_texts_of_the_streams_one_by_one(streams):
    model = small_model("gru")
    length = 100 // streams
    starts = [k * length for k in range(streams)]
    ends = [start + length for start in starts[:-1]] + [100]  # the last stream has the tail
    nats = [naive_loss(model, TOKENS[s : e + 1]) * (e - s) for s, e in zip(starts, ends)]
    assert evaluate(model, TOKENS, streams) == pytest.approx(sum(nats) / 100, rel=1e-12)


@pytest.mark.parametrize("streams", [1, 2, 3, 7])
def test_uniform_output_has_the_vocabulary_as_its_perplexity(streams):
    model = small_model()
    model.params.value["decoder.W"][...] = 0
    model.params.value["decoder.b"][...] = 0
    assert perplexity(evaluate(model, TOKENS, streams)) == pytest.approx(V, rel=1e-12)


def test_evaluation_changes_nothing():
    model = small_model(dropout=0.5)
    before = model.params.values.copy()
    assert evaluate(model, TOKENS) == evaluate(model, TOKENS)
    np.testing.assert_array_equal(before, model.params.values)


def test_units():
    assert loss_metrics("test", math.log(8), "char") == pytest.approx(
        {"test/loss": math.log(8), "test/ppl": 8, "test/bpc": 3}
    )
    assert loss_metrics("test", math.log(8), "word").keys() == {"test/loss", "test/ppl"}
    assert perplexity(1e4) == math.inf
