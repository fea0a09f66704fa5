"""A temperature and the mean over dropout masks are what they say, of streams and of sequences."""

import numpy as np
import pytest

from rnnexp.data.batches import Sequences, Streams
from rnnexp.data.corpus import Corpus
from rnnexp.data.vocabulary import Vocabulary
from rnnexp.errors import UserError
from rnnexp.evaluation import perplexity
from rnnexp.evaluation.mc_dropout import McDropout
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.evaluation.temperature import Temperature
from rnnexp.experiment import build, corpora, rules
from tests.conftest import QUICK
from tests.experiment.test_configs import composed
from tests.helpers.variants import small_model

V = 11
rng = np.random.default_rng(0)
SPLITS = {
    name: np.append(rng.integers(V, size=150), 0).astype(np.int32) for name in ("train", "valid", "test")
}
ENDS = pytest.mark.parametrize("end", [None, 0], ids=["stream", "sequences"])


@pytest.fixture(autouse=True)
def _short_windows(monkeypatch):
    monkeypatch.setattr(perplexity, "WINDOW_TOKENS", 32)  # two rows or more of sequences
    monkeypatch.setattr(perplexity, "SEQUENCE_ROWS", 4)


def corpus_of(end):
    return Corpus(Vocabulary("abcdefghijk"), SPLITS, end=end)


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def odds_of(model, tokens, end, key=lambda k: None, temperature=1.0):
    """The odds (M, V) of every predicted token, in the order of the text."""
    batches = Streams(tokens, 1, 32) if end is None else Sequences(tokens, end, 4, 8)
    found = np.full((len(tokens), V), np.nan)
    for k in range(len(batches)):
        inputs, _ = batches.window(k)
        if batches.starts_fresh(k):
            state = model.zero_state(inputs.shape[1])
        h, state = model.features(inputs, state, model.workspace(), key(k))
        logits = (h @ model.decoder.p["W"].T + model.decoder.p["b"]) / temperature
        places = batches.positions(k).ravel()
        found[places[places >= 0]] = softmax(logits)[places >= 0]
    return found[1 if end is None else 0 :], len(batches)


def nats_of(odds, tokens, end):
    targets = tokens[1 if end is None else 0 :]
    return -np.log(odds[np.arange(len(targets)), targets])


@ENDS
def test_logits_are_divided_by_the_best_temperature_of_the_validation_split(end):
    model, values = small_model("gru"), [0.5, 1.0, 1.7, 2.5]
    losses = {
        value: nats_of(
            odds_of(model, SPLITS["valid"], end, temperature=value)[0], SPLITS["valid"], end
        ).mean()
        for value in values
    }
    best = min(losses, key=losses.get)
    scores, nats = Temperature(values).score_tokens(model, corpus_of(end), "test")
    odds, _ = odds_of(model, SPLITS["test"], end, temperature=best)
    np.testing.assert_allclose(odds.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(nats, nats_of(odds, SPLITS["test"], end), rtol=1e-9)
    assert scores == pytest.approx({"temperature_loss": nats.mean(), "temperature_value": best}, rel=1e-12)
    alone = Temperature([1.0]).score(model, corpus_of(end), "test")["temperature_loss"]
    assert alone == pytest.approx(evaluate(model, SPLITS["test"], 1, end), rel=1e-12)


@ENDS
@pytest.mark.parametrize("more", [{"dropout": 0.4}, {"recurrent_dropout": 0.3, "variational": True}], ids=str)
def test_the_mean_over_dropout_masks_is_of_probabilities(end, more):
    model, tokens = small_model("lstm", num_layers=2, **more), SPLITS["test"]
    _, windows = odds_of(model, tokens, end)
    readings = [odds_of(model, tokens, end, lambda k, n=n: (7, n * windows + k))[0] for n in range(3)]
    assert not np.allclose(readings[0], readings[1])
    odds = np.mean(readings, axis=0)
    np.testing.assert_allclose(odds.sum(axis=1), 1, rtol=1e-12)
    scores, nats = McDropout(3, 7).score_tokens(model, corpus_of(end), "test")
    np.testing.assert_allclose(nats, nats_of(odds, tokens, end), rtol=1e-9)
    assert scores == {"mc_dropout_loss": nats.mean()}
    assert McDropout(3, 8).score(model, corpus_of(end), "test") != scores


def test_the_mean_over_dropout_masks_carries_the_state_on_whatever_training_drops():
    dropping, plain = (small_model(dropout=0.4, drop_state=rate) for rate in (0.5, 0.0))
    found, expected = (McDropout(3, 7).score(model, corpus_of(None), "test") for model in (dropping, plain))
    assert found == expected
    assert dropping.state_drop.rate == 0.5


@ENDS
@pytest.mark.parametrize("evaluator", [Temperature([0.8, 1.3]), McDropout(2, 0)], ids=["temperature", "mc"])
def test_they_compute_the_same_on_a_gpu(gpu, evaluator, end):
    here, there = (small_model("gru", dropout=0.3, **more) for more in ({}, {"where": gpu}))
    expected = evaluator.score(here, corpus_of(end), "test")
    assert evaluator.score(there, corpus_of(end), "test") == pytest.approx(expected, rel=1e-9)


def test_a_model_without_dropout_is_refused_before_data_is_read(monkeypatch):
    monkeypatch.setattr(corpora, "of", None)
    with pytest.raises(
        UserError, match=r"^evaluation=mc_dropout is for a model with dropout: give model\.dropout"
    ):
        build.experiment(composed(*QUICK, "evaluation=mc_dropout"))
    for key in "dropout", "recurrent_dropout":
        rules.check(composed(*QUICK, "evaluation=mc_dropout", f"model.{key}=0.1"))


def test_impossible_values_are_refused():
    for override in "temperature.value=[0.0]", "temperature.value=[]", "mc_dropout.samples=0":
        name, _, _ = override.partition(".")
        config = composed(*QUICK, f"evaluation={name}", f"evaluation.{override}", "model.dropout=0.1")
        with pytest.raises(UserError, match=rf"^evaluation\.{name}\..* must be "):
            rules.check(config)
