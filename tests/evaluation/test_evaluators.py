"""Every way of evaluating keeps the contract, and a run records what the chosen ones find."""

import math
from typing import Annotated

import numpy as np
import pytest

from rnnexp.cli import evaluate as evaluate_command
from rnnexp.data.corpus import Corpus
from rnnexp.data.vocabulary import Vocabulary
from rnnexp.errors import UserError
from rnnexp.evaluation import EVALUATORS
from rnnexp.evaluation.base import Evaluator, in_units
from rnnexp.evaluation.dlfs2 import dlfs2_loss
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.experiment import build, models, rules, runner, schema
from rnnexp.experiment.config_hash import hashes
from rnnexp.installation import CONF
from rnnexp.options import Option
from rnnexp.records.folder import RunFolder
from tests.conftest import QUICK
from tests.experiment.test_configs import composed
from tests.helpers.variants import small_model

V = 11
TOKENS = np.random.default_rng(0).integers(V, size=940).astype(np.int32)
CORPUS = Corpus(Vocabulary("abcdefghijk"), dict.fromkeys(("train", "valid", "test"), TOKENS))


def evaluators(*names):
    """The evaluators that a run with these options has, by name."""
    fewer = ["evaluation.dynamic.valid_tokens=50"] if "dynamic" in names else []  # of which each takes a step
    return models.make_evaluators(composed(f"evaluation=[{','.join(names)}]", *fewer))


def test_every_evaluator_has_a_config_of_its_name():
    assert EVALUATORS.keys() == {path.stem for path in (CONF / "evaluation").glob("*.yaml")}
    assert evaluators(*EVALUATORS).keys() == EVALUATORS.keys()


def test_the_names_of_metrics_belong_to_one_evaluator_each():
    model = small_model()
    names = [name for one in evaluators(*EVALUATORS).values() for name in one.score(model, CORPUS, "test")]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("cell", ["gru", "slstm"])
@pytest.mark.parametrize("name", EVALUATORS)
def test_evaluation_changes_nothing_and_says_the_same_again(name, cell):
    model = small_model(cell, dropout=0.5, num_layers=2)
    before = model.params.values.copy()
    evaluator = evaluators(name)[name]
    first = evaluator.score(model, CORPUS, "test")
    np.testing.assert_array_equal(before, model.params.values)
    assert (
        first == evaluator.score(model, CORPUS, "test") == evaluators(name)[name].score(model, CORPUS, "test")
    )
    assert first
    assert all(type(value) is float and math.isfinite(value) for value in first.values())


def test_exact_is_every_token_once():
    model = small_model()
    (exact,) = evaluators("exact").values()
    assert exact.score(model, CORPUS, "test") == {"loss": evaluate(model, TOKENS)}
    assert exact.score(model, CORPUS, "test", rows=3) == {"loss": evaluate(model, TOKENS, 3)}
    lines = Corpus(CORPUS.vocabulary, {"test": np.append(TOKENS, np.int32(0))}, end=0)
    assert exact.score(model, lines, "test") == {"loss": evaluate(model, lines.splits["test"], end=0)}


def books_loss(model, corpus, batch_size=10, time_size=35):
    """The loop of eval_perplexity in common/util.py of "Deep Learning from Scratch 2"."""
    corpus_size, total_loss = len(corpus), 0.0
    max_iters = (corpus_size - 1) // (batch_size * time_size)
    jump = (corpus_size - 1) // batch_size
    state = model.zero_state(batch_size)
    for iters in range(max_iters):
        xs = np.zeros((batch_size, time_size), dtype=np.int32)
        ts = np.zeros((batch_size, time_size), dtype=np.int32)
        time_offset = iters * time_size
        offsets = [time_offset + (i * jump) for i in range(batch_size)]
        for t in range(time_size):
            for i, offset in enumerate(offsets):
                xs[i, t] = corpus[(offset + t) % corpus_size]
                ts[i, t] = corpus[(offset + t + 1) % corpus_size]
        nats, state = model.forward(xs.T, ts.T, state, model.workspace())
        total_loss += nats / (batch_size * time_size)
    return total_loss / max_iters


@pytest.mark.parametrize("length", [351, 700, 701, 940])
def test_dlfs2_is_the_protocol_of_the_book(length):
    model = small_model("lstm")
    loss = dlfs2_loss(model, TOKENS[:length])
    assert loss == pytest.approx(books_loss(model, TOKENS[:length]), rel=1e-12)
    assert abs(loss - evaluate(model, TOKENS[:length])) > 1e-6


def test_what_an_evaluator_finds_is_recorded_in_all_units():
    scores = {"loss": math.log(8), "mine_loss": math.log(2), "accuracy": 0.25}
    assert in_units("test", scores, "char") == pytest.approx(
        {
            **{"test/loss": math.log(8), "test/ppl": 8, "test/bpc": 3},
            **{"test/mine_loss": math.log(2), "test/mine_ppl": 2, "test/mine_bpc": 1},
            "test/accuracy": 0.25,
        }
    )
    assert in_units("valid", {"mine_loss": 1e4}, "word") == {
        "valid/mine_loss": 1e4,
        "valid/mine_ppl": math.inf,
    }


def run(path, *overrides):
    return runner.run_experiment(composed(*QUICK, "train.max_epochs=1", *overrides), RunFolder(path))


def test_a_run_records_the_exact_loss_and_what_else_is_chosen(tmp_path):
    plain, more = run(tmp_path / "plain"), run(tmp_path / "more", "evaluation=dlfs2")
    assert [name for name in plain if name.startswith("test/")] == ["test/loss", "test/ppl"]
    assert more.keys() - plain.keys() == {"test/dlfs2_loss", "test/dlfs2_ppl"}
    assert more["test/loss"] == plain["test/loss"]
    assert more["test/dlfs2_ppl"] == math.exp(more["test/dlfs2_loss"])


AT_TEST_TIME = [
    "evaluation=[neural_cache,dynamic,temperature,mc_dropout]",
    "evaluation.neural_cache.window=[5,20]",
    "evaluation.dynamic.valid_tokens=50",
    "evaluation.mc_dropout.samples=2",
]


def test_a_run_records_what_can_be_done_at_test_time_with_its_settings(tmp_path):
    own = ["engine=numpy", "model.dropout=0.2"]
    plain, more = run(tmp_path / "plain", *own), run(tmp_path / "more", *own, *AT_TEST_TIME)
    names = {
        **{"neural_cache": {"_window", "_theta", "_share"}, "dynamic": {"_lr", "_decay"}},
        **{"temperature": {"_value"}, "mc_dropout": set()},
    }
    assert more.keys() - plain.keys() == {
        f"test/{name}{part}" for name, settings in names.items() for part in settings | {"_loss", "_ppl"}
    }
    assert {key: more[key] for key in plain if key != "time" and "cpu_s" not in key} == {
        key: plain[key] for key in plain if key != "time" and "cpu_s" not in key
    }  # the weights were put back before anything else was computed from them
    said = evaluate_command.report([f"run={tmp_path / 'plain'}", "engine=numpy", *AT_TEST_TIME])
    for name in names:
        assert f"test ({name}): {more[f'test/{name}_loss']:.6f} nats" in said
    assert f"(dynamic_lr {more['test/dynamic_lr']:g}, dynamic_decay {more['test/dynamic_decay']:g})" in said


def test_sequences_are_scored_by_those_that_can(tmp_path):
    lines = ["dataset=gettysburg", "tracking=none", "model.dropout=0.2", "train.max_epochs=1"]
    can = "evaluation=[temperature,mc_dropout]"
    metrics = runner.run_experiment(composed(*lines, can), RunFolder(tmp_path))
    assert {"test/temperature_ppl", "test/mc_dropout_ppl"} < metrics.keys()
    for name in "neural_cache", "dynamic":
        with pytest.raises(
            UserError, match=f"evaluation={name} is for one stream of text; this data set has"
        ):
            build.experiment(composed(*lines, f"evaluation={name}"))
        with pytest.raises(
            UserError, match=f"evaluation={name} is for one stream of text; this data set has"
        ):
            evaluate_command.report([f"run={tmp_path}", f"evaluation={name}"])


def test_an_evaluator_is_found_by_its_name(tmp_path, monkeypatch):
    """It takes options, which are typed, and what it finds is recorded; nothing else knows it."""

    class Share(Evaluator):
        def __init__(self, of: Annotated[int, Option("what share")]):
            self.of = of

        def score(self, model, corpus, split, rows=1):
            return {"share": float(np.mean(corpus.splits[split] == self.of))}

    monkeypatch.setitem(EVALUATORS, "share", Share)
    config = composed(*QUICK, "train.max_epochs=1", "evaluation=dlfs2")
    config["evaluation"]["share"] = {"name": "share", "of": 0}
    typed = schema.resolve(schema.typed(config))
    assert typed["evaluation"]["share"] == {"name": "share", "of": 0}
    metrics = runner.run_experiment(config, RunFolder(tmp_path))
    assert 0 < metrics["test/share"] < 1
    assert "test/dlfs2_ppl" in metrics
    config["evaluation"]["share"]["of"] = "all"
    with pytest.raises(UserError, match=r"evaluation\.share\.of"):
        schema.typed(config)


def test_the_usual_evaluation_is_no_setting_and_more_of_it_is(tmp_path):
    plain = composed(*QUICK)
    before = {key: value for key, value in plain.items() if key != "evaluation"}  # as it was saved once
    assert hashes(before) == hashes(plain) == hashes(composed(*QUICK, "evaluation=exact"))
    more = composed(*QUICK, "evaluation=dlfs2")
    assert hashes(more)[1] != hashes(plain)[1]
    assert hashes(more) == hashes(composed(*QUICK, "evaluation=[exact,dlfs2]"))
    assert schema.resolve(schema.typed(before)) == plain
    assert [*models.make_evaluators(before)] == ["exact"]


def test_what_an_evaluator_cannot_score_is_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "make_model", lambda *_, **__: None)
    for overrides, message in [
        (
            [*QUICK, "dataset.test_tokens=350"],
            "the test split has 350 tokens, but evaluation=dlfs2 takes .* 351",
        ),
        (
            ["dataset=gettysburg", "tracking=none"],
            "evaluation=dlfs2 is for one stream of text; this data set has",
        ),
    ]:
        with pytest.raises(UserError, match=message):
            build.experiment(composed(*overrides, "evaluation=dlfs2"))
    config = composed(*QUICK) | {"evaluation": {"mine": {"name": "mine"}}}
    with pytest.raises(UserError, match=f"evaluation=mine is not known: choose from {', '.join(EVALUATORS)}"):
        rules.check(config)


def test_scores_without_a_loss_are_said_too():
    lines = evaluate_command.lines_of({"reach_kept": 0.5, "reach_log10_1": -2.25}, None, "test (reach)")
    assert lines == ["test (reach): reach_kept 0.5, reach_log10_1 -2.25"]
