"""Perplexity counts every target once and depends on nothing but model and text."""

import itertools
import math

import numpy as np
import pytest

from rnnexp.evaluation import perplexity as module
from rnnexp.evaluation.perplexity import evaluate, loss_metrics, perplexity
from rnnexp.nn.cells import CELLS
from rnnexp.nn.model import Model
from tests.helpers.variants import small_model

V = 11
TOKENS = np.random.default_rng(0).integers(V, size=101)


def naive_nats(model, tokens):
    """Of every token but the first, one at a time."""
    state, nats = model.zero_state(1), []
    for before, after in itertools.pairwise(tokens):
        step, state = model.forward(np.array([[before]]), np.array([[after]]), state, model.workspace())
        nats.append(step)
    return nats


def naive_loss(model, tokens):
    return sum(naive_nats(model, tokens)) / (len(tokens) - 1)


@pytest.mark.parametrize("tokens", [1, 7, 100, 512])
def test_loss_does_not_depend_on_the_window(tokens, monkeypatch):
    model, forward, lengths = small_model("lstm", num_layers=2), Model.forward, []
    expected = naive_loss(model, TOKENS)

    def noting(self, inputs, *more, **options):
        lengths.append(len(inputs))
        return forward(self, inputs, *more, **options)

    monkeypatch.setattr(module, "WINDOW_TOKENS", tokens)
    monkeypatch.setattr(Model, "forward", noting)
    assert evaluate(model, TOKENS) == pytest.approx(expected, rel=1e-12)
    assert lengths == [tokens] * (100 // tokens) + [100 % tokens] * (100 % tokens > 0)


@pytest.mark.parametrize("rows", [2, 3, 7, 99])
@pytest.mark.parametrize("cell", CELLS)
def test_more_rows_are_the_texts_of_the_rows_one_by_one(cell, rows):
    model = small_model(cell)
    length = 100 // rows
    starts = [k * length for k in range(rows)]
    ends = [start + length for start in starts[:-1]] + [100]  # the last row has the tail
    nats = [naive_loss(model, TOKENS[s : e + 1]) * (e - s) for s, e in zip(starts, ends)]
    assert evaluate(model, TOKENS, rows) == pytest.approx(sum(nats) / 100, rel=1e-12)


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_the_nats_of_every_token_stand_in_the_order_of_the_text(rows):
    model, each = small_model("gru"), np.full(101, np.nan)
    loss = evaluate(model, TOKENS, rows, token_nats=each)
    assert loss == evaluate(model, TOKENS, rows)
    assert np.isnan(each[0])  # which nothing stands before
    assert each[1:].mean() == pytest.approx(loss, rel=1e-12)
    length, last = 100 // rows, (rows - 1) * (100 // rows)
    starts = [*range(0, last, length), last]
    for start, stop in zip(starts, [*starts[1:], 100]):
        expected = naive_nats(model, TOKENS[start : stop + 1])
        np.testing.assert_allclose(each[start + 1 : stop + 1], expected, rtol=1e-12)


def test_the_nats_of_every_token_of_sequences():
    model, each = small_model(), np.full(101, np.nan)
    tokens = np.append(TOKENS[:100], 0)
    loss = evaluate(model, tokens, end=0, token_nats=each)
    assert loss == evaluate(model, tokens, end=0)
    assert each.mean() == pytest.approx(loss, rel=1e-12)
    start = 0
    for stop in np.flatnonzero(tokens == 0) + 1:
        alone = np.empty(stop - start)
        evaluate(model, tokens[start:stop], end=0, token_nats=alone)
        np.testing.assert_allclose(each[start:stop], alone, rtol=1e-12)
        start = stop


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_uniform_output_has_the_vocabulary_as_its_perplexity(rows):
    model = small_model()
    model.params.value["decoder.W"][...] = 0
    model.params.value["decoder.b"][...] = 0
    assert perplexity(evaluate(model, TOKENS, rows)) == pytest.approx(V, rel=1e-12)


def test_units():
    assert loss_metrics("test", math.log(8), "char") == pytest.approx(
        {"test/loss": math.log(8), "test/ppl": 8, "test/bpc": 3}
    )
    assert loss_metrics("test", math.log(8), "word").keys() == {"test/loss", "test/ppl"}
    assert perplexity(1e4) == math.inf
