"""The neural cache is what its formula says, place by place, and sees nothing of what is to come."""

import math
from dataclasses import replace

import numpy as np
import pytest

from rnnexp.data.corpus import Corpus
from rnnexp.data.vocabulary import Vocabulary
from rnnexp.errors import UserError
from rnnexp.evaluation import neural_cache, perplexity
from rnnexp.evaluation.neural_cache import NeuralCache
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.experiment import rules
from tests.conftest import QUICK
from tests.experiment.test_configs import composed
from tests.helpers.variants import small_model

V = 11
TEXT = np.random.default_rng(0).integers(V, size=120).astype(np.int32)
OTHER = np.random.default_rng(1).integers(V, size=90).astype(np.int32)
CORPUS = Corpus(Vocabulary("abcdefghijk"), {"train": TEXT, "valid": OTHER, "test": TEXT})


def slow_odds(model, tokens, window, theta, share):
    """The odds (N - 1, V) of every symbol before each token but the first, one token at a time."""
    state, past, found = model.zero_state(1), [], []
    for t in range(len(tokens) - 1):
        inputs = tokens[t : t + 1, None]
        h = model.features(inputs, state, model.workspace())[0][0].copy()
        logits, state = model.logits(inputs, state, model.workspace())
        odds = np.exp(logits[0]) / np.exp(logits[0]).sum()
        if held := past[-window:]:
            likeness = np.array([math.exp(theta * float(key @ h)) for key, _ in held])
            cache = np.zeros(V)
            for weight, (_, follower) in zip(likeness / likeness.sum(), held):
                cache[follower] += weight
            odds = (1 - share) * odds + share * cache
        found.append(odds)
        past.append((h, tokens[t + 1]))
    return np.array(found)


@pytest.fixture(params=[(512, 128), (16, 5), (1, 1)], ids=str)
def windows(request, monkeypatch):
    """Windows of an evaluation, and blocks of it, of other lengths: on none of them the result depends."""
    monkeypatch.setattr(perplexity, "WINDOW_TOKENS", request.param[0])
    monkeypatch.setattr(neural_cache, "BLOCK", request.param[1])


@pytest.mark.parametrize("settings", [(500, 0.7, 0.3), (9, 2.0, 0.5), (1, 0.0, 0.9), (20, 1000.0, 0.1)])
@pytest.mark.usefixtures("windows")
def test_it_is_the_formula_place_by_place(settings):
    model = small_model("gru", num_layers=2)
    odds = slow_odds(model, TEXT, *settings)
    np.testing.assert_allclose(odds.sum(axis=1), 1, rtol=1e-12)
    scores, nats = NeuralCache(*([one] for one in settings)).score_tokens(model, CORPUS, "test")
    expected = -np.log(odds[np.arange(len(odds)), TEXT[1:]])
    np.testing.assert_allclose(nats, expected, rtol=1e-9)
    assert scores.pop("neural_cache_loss") == pytest.approx(expected.mean(), rel=1e-9)
    assert tuple(scores.values()) == settings


def test_no_share_of_the_cache_is_the_model():
    model = small_model()
    assert NeuralCache([5], [1.0], [0.0]).score(model, CORPUS, "test")["neural_cache_loss"] == pytest.approx(
        evaluate(model, TEXT), rel=1e-12
    )


def test_settings_are_the_best_on_the_validation_split_alone():
    model, grid = small_model("lstm"), ([3, 30, 60], [0.1, 1.0, 4.0], [0.05, 0.3])

    def loss(*settings):
        return NeuralCache(*([one] for one in settings)).score(model, CORPUS, "valid")["neural_cache_loss"]

    best = min(((w, t, s) for w in grid[0] for t in grid[1] for s in grid[2]), key=lambda one: loss(*one))
    for test in TEXT, np.zeros(70, np.int32):
        found = NeuralCache(*grid).score(
            model, replace(CORPUS, splits=CORPUS.splits | {"test": test}), "test"
        )
        assert tuple(found.values())[1:] == best


def test_what_is_to_come_changes_nothing():
    model, cache = small_model(), NeuralCache([30], [1.0], [0.4])
    changed = CORPUS.splits | {"test": np.concatenate([TEXT[:60], OTHER])}
    _, nats = cache.score_tokens(model, CORPUS, "test")
    _, others = cache.score_tokens(model, replace(CORPUS, splits=changed), "test")
    np.testing.assert_allclose(nats[:59], others[:59], rtol=1e-12)
    assert abs(nats[59:] - others[59 : len(nats)]).max() > 0.1


def test_it_computes_the_same_on_a_gpu(gpu):
    cache = NeuralCache([5, 40], [0.3, 1.0], [0.1, 0.2])
    here = cache.score(small_model("gru"), CORPUS, "test")
    assert cache.score(small_model("gru", where=gpu), CORPUS, "test") == pytest.approx(here, rel=1e-9)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("share", "[0.1,1.0]", "must be a list, each of it from 0 to below 1"),
        ("share", "[]", "must be a list, each"),
        ("theta", "[-0.1]", "must be a list, each of it from 0 to 1000"),
        ("theta", "[nan]", "must be a list, each of it from 0 to 1000"),
        ("window", "[0]", "must be a list, each of it at least 1"),
    ],
)
def test_impossible_settings_are_refused_before_data_is_read(key, value, message):
    config = composed(*QUICK, "evaluation=neural_cache", f"evaluation.neural_cache.{key}={value}")
    with pytest.raises(UserError, match=rf"^evaluation\.neural_cache\.{key}=\[.* {message}"):
        rules.check(config)


def test_texts_that_it_cannot_score_are_refused():
    cache = NeuralCache([50, 118], [1.0], [0.1])
    with pytest.raises(
        UserError,
        match=r"^the valid split has 90 tokens, but evaluation=neural_cache "
        r"with evaluation\.neural_cache\.window=118 takes at least 120: take a longer text$",
    ):
        cache.require(CORPUS, "test", "evaluation=neural_cache")
    NeuralCache([118], [1.0], [0.1]).require(CORPUS, "test", "evaluation=neural_cache")  # nothing to choose
    with pytest.raises(UserError, match="is for one stream of text; this data set has sequences"):
        cache.require(replace(CORPUS, end=0), "test", "evaluation=neural_cache")
