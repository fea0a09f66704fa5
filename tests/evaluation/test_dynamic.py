"""Dynamic evaluation is what its formula says, scores before it learns, and puts the weights back."""

import math
from dataclasses import replace

import numpy as np
import pytest

from rnnexp.data.corpus import Corpus
from rnnexp.data.vocabulary import Vocabulary
from rnnexp.errors import UserError
from rnnexp.evaluation.dynamic import Dynamic, gradient_rms
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.experiment import rules
from rnnexp.nn.model import Model
from tests.conftest import QUICK
from tests.experiment.test_configs import composed
from tests.helpers.variants import small_model

V = 11
rng = np.random.default_rng(0)
TRAIN, VALID, TEST = (rng.integers(V, size=size).astype(np.int32) for size in (1730, 60, 98))
CORPUS = Corpus(Vocabulary("abcdefghijk"), {"train": TRAIN, "valid": VALID, "test": TEST})
SHAPES = [{}, {"tie": True}, {"one_hot": True}, {"vocab_size": 300}]


def dynamic(lr=(0.02,), decay=(0.05,), epsilon=0.01, segment=5, train_tokens=None, valid_tokens=None):
    return Dynamic(list(lr), list(decay), epsilon, segment, train_tokens, valid_tokens)


def gradient(model, inputs, targets, state):
    """The gradient of the mean loss, by name; and the mean, and the state after it."""
    workspace = model.workspace()
    nats, state = model.forward(inputs, targets, state, workspace, grad_scale=1 / targets.size)
    model.backward(workspace)
    return {name: grad.copy() for name, grad in model.params.grad.items()}, nats, state


def slow_rms(model, tokens):
    length = (len(tokens) - 1) // 100
    rows = np.arange(100) * length
    squares, state = [], model.zero_state(100)
    for t in range(0, length - length % 5, 5):
        places = rows + np.arange(t, t + 5)[:, None]
        grads, _, state = gradient(model, tokens[places], tokens[places + 1], state)
        squares.append({name: grad**2 for name, grad in grads.items()})
    return {name: np.sqrt(np.mean([one[name] for one in squares], axis=0)) for name in grads}


def slow_loss(model, tokens, lr, decay, epsilon, segment, rms):
    """By every weight in its turn, after the segment is scored."""
    start = {name: value.copy() for name, value in model.params.value.items()}
    mean = np.mean([array.mean() for array in rms.values()])
    state, total = model.zero_state(1), 0.0
    for first in range(0, len(tokens) - 1, segment):
        inputs, targets = tokens[:-1][first : first + segment], tokens[1:][first : first + segment]
        grads, nats, state = gradient(model, inputs[:, None], targets[:, None], state)
        total += nats
        for name, w in model.params.value.items():
            d = np.minimum(rms[name] / mean, 1 / decay)
            w += decay * d * (start[name] - w) - lr * grads[name] / (rms[name] + epsilon)
    model.params.set(start)
    return total / (len(tokens) - 1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "peephole"])
def test_it_is_the_formula_weight_by_weight(cell, shape):
    model = small_model(cell, num_layers=2, **shape)
    found = dynamic().score(model, CORPUS, "test")
    expected = slow_loss(model, TEST, 0.02, 0.05, 0.01, 5, slow_rms(model, TRAIN))
    assert found == pytest.approx(
        {"dynamic_loss": expected, "dynamic_lr": 0.02, "dynamic_decay": 0.05}, rel=1e-9
    )
    assert abs(expected - evaluate(model, TEST)) > 0.01


def test_statistics_are_of_so_many_tokens_of_the_training_text():
    model = small_model()
    found = dynamic(train_tokens=1001, segment=7).score(model, CORPUS, "test")["dynamic_loss"]
    rms = slow_rms(model, TRAIN[:1001])
    assert found == pytest.approx(slow_loss(model, TEST, 0.02, 0.05, 0.01, 7, rms), rel=1e-9)


def test_settings_are_the_best_on_the_validation_split_alone():
    model, lrs, decays = small_model("gru"), (0.001, 0.02, 0.3), (0.01, 0.2)
    rms = slow_rms(model, TRAIN)
    losses = {(a, b): slow_loss(model, VALID[:41], a, b, 0.01, 5, rms) for a in lrs for b in decays}
    found = dynamic(lrs, decays, valid_tokens=41).score(model, CORPUS, "test")
    assert (found["dynamic_lr"], found["dynamic_decay"]) == min(losses, key=losses.get)
    assert found == dynamic(lrs, decays, valid_tokens=41).score(model, CORPUS, "test")


def test_a_choice_at_an_end_of_what_was_tried_is_said():
    evaluator = dynamic([1e-9, 1e-8, 1e-7], [0.5, 1.0])
    chosen = evaluator.score(small_model(), CORPUS, "test")["dynamic_lr"]
    assert chosen in (1e-9, 1e-7)
    (note,) = evaluator.notes  # two decays have nothing but ends
    assert note == f"dynamic: of lr=[1e-09, 1e-08, 1e-07] the end {chosen:g} was best"


def test_a_value_given_twice_counts_once():
    """Twice the loss of the best one would be above that of the other."""
    model = small_model()
    once, twice = (dynamic(lrs).score(model, CORPUS, "test") for lrs in ([1e-6, 0.02], [1e-6, 1e-6, 0.02]))
    assert once == twice
    assert once["dynamic_lr"] == 1e-6


def test_the_weights_are_put_back_to_the_bit_whatever_happens(monkeypatch):
    model = small_model("lstm", dtype=np.float32)
    before = model.params.values.copy()
    dynamic().score(model, CORPUS, "test")
    np.testing.assert_array_equal(model.params.values, before)
    backward, left = Model.backward, [8]  # of which three for the statistics

    def interrupted(self, workspace):
        left[0] -= 1
        if not left[0]:
            assert (self.params.values != before).any()
            raise KeyboardInterrupt
        return backward(self, workspace)

    monkeypatch.setattr(Model, "backward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dynamic().score(model, CORPUS, "test")
    np.testing.assert_array_equal(model.params.values, before)


def test_of_random_words_nothing_is_known_beforehand():
    """It would be much better than chance here if it learned a segment before scoring it."""
    text = np.random.default_rng(5).integers(V, size=3001).astype(np.int32)
    random = replace(CORPUS, splits=CORPUS.splits | {"test": text})
    model = small_model()
    model.params.value["decoder.W"][...] = 0
    model.params.value["decoder.b"][...] = 0  # chance itself
    for lr in 1e-4, 1e-2, 0.1:
        assert dynamic([lr]).score(model, random, "test")["dynamic_loss"] > math.log(V) - 0.002


def test_what_is_to_come_changes_nothing():
    model = small_model()
    changed = CORPUS.splits | {"test": np.concatenate([TEST[:51], VALID])}
    _, nats = dynamic().score_tokens(model, CORPUS, "test")
    _, others = dynamic().score_tokens(model, replace(CORPUS, splits=changed), "test")
    np.testing.assert_allclose(nats[:50], others[:50], rtol=1e-12)
    assert abs(nats[50:] - others[50 : len(nats)]).max() > 0.1


@pytest.mark.parametrize("tie", [False, True])
def test_it_computes_the_same_on_a_gpu(gpu, tie):
    evaluator, shape = dynamic((0.02, 0.05)), {"num_layers": 2, "tie": tie}
    here = evaluator.score(small_model("gru", **shape), CORPUS, "test")
    model = small_model("gru", where=gpu, **shape)
    before = gpu.to_host(model.params.values).copy()
    assert evaluator.score(model, CORPUS, "test") == pytest.approx(here, rel=1e-9)
    np.testing.assert_array_equal(gpu.to_host(model.params.values), before)


def test_a_weight_without_any_gradient_is_no_trouble():
    model = small_model(vocab_size=300)
    rms = model.params.split(gradient_rms(model, TRAIN))
    assert (rms["embedding.W"][V:] == 0).all()
    np.testing.assert_allclose(rms["decoder.W"], slow_rms(model, TRAIN)["decoder.W"], rtol=1e-9)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("lr", "[0]", "must be a list, each of it a number greater than 0"),
        ("decay", "[1.5]", "must be a list, each of it greater than 0, at most 1"),
        ("segment", "0", "must be at least 1"),
        ("train_tokens", "500", "must be at least 501"),
        ("epsilon", "0", "must be a number greater than 0"),
    ],
)
def test_impossible_settings_are_refused_before_data_is_read(key, value, message):
    config = composed(*QUICK, "evaluation=dynamic", f"evaluation.dynamic.{key}={value}")
    with pytest.raises(UserError, match=rf"^evaluation\.dynamic\.{key}=.* {message}"):
        rules.check(config)


def test_a_validation_text_that_is_not_read_may_be_short():
    dynamic(segment=50, valid_tokens=20)
    with pytest.raises(UserError, match="valid_tokens=20 must be at least 52"):
        dynamic([1e-4, 1e-3], segment=50, valid_tokens=20)


def test_texts_that_it_cannot_score_are_refused():
    with pytest.raises(UserError, match="is for one stream of text; this data set has sequences"):
        dynamic().require(replace(CORPUS, end=0), "test", "evaluation=dynamic")
    with pytest.raises(
        UserError, match="the train split has 60 tokens, but evaluation=dynamic takes at least 501"
    ):
        dynamic().require(
            replace(CORPUS, splits=CORPUS.splits | {"train": VALID}), "test", "evaluation=dynamic"
        )
    with pytest.raises(
        UserError, match=r"evaluation=dynamic with evaluation\.dynamic\.segment=97 takes at least 99"
    ):
        dynamic(segment=97).require(CORPUS, "test", "evaluation=dynamic")
    dynamic(segment=96).require(CORPUS, "test", "evaluation=dynamic")
