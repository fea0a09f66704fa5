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


def naive_loss(model, tokens):
    """One token at a time."""
    state, nats = model.zero_state(1), 0.0
    for before, after in itertools.pairwise(tokens):
        step, state = model.forward(np.array([[before]]), np.array([[after]]), state, model.workspace())
        nats += step
    return nats / (len(tokens) - 1)


@pytest.mark.parametrize("tokens", [1, 7, 100, 512])
def test_loss_does_not_depend_on_the_window(tokens, monkeypatch):
    model, forward, lengths = small_model("lstm", num_layers=2), Model.forward, []
    expected = naive_loss(model, TOKENS)

    def noting(self, inputs, *more):
        lengths.append(len(inputs))
        return forward(self, inputs, *more)

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
