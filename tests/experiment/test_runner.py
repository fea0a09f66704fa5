"""What a run records is what it did: recomputed from its own files."""

import math
import os
import re
import signal
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from rnnexp.compute import engine, threads
from rnnexp.data.corpus import Corpus
from rnnexp.errors import Interrupted, UserError
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.evaluation.sampling import sample
from rnnexp.experiment import (
    build,
    corpora,
    curves,
    divergence,
    progress,
    rules,
    runner,
    schema,
    train_and_test,
)
from rnnexp.experiment.config_hash import hashes
from rnnexp.nn.model import Model
from rnnexp.optim.sgd import SGD
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps.job import Job
from rnnexp.sweeps.scheduler import Sweep
from rnnexp.tracking import client
from rnnexp.training import loop
from tests.conftest import QUICK, SMALL
from tests.experiment.test_configs import composed
from tests.helpers.variants import small_model


class Listener:
    """A tracker that keeps what the folder holds each time it is told of something new."""

    def __init__(self):
        self.seen = []

    def changed(self, folder):
        self.seen.append((RunFolder(folder).state()["status"], len(RunFolder(folder).records())))

    def wait(self):
        self.seen.append("wait")


@pytest.fixture
def listener(monkeypatch):
    listener = Listener()
    monkeypatch.setattr(client, "for_tracker", lambda tracker: listener)
    return listener


def run(path, *overrides):
    config = composed(*SMALL, *overrides)
    folder = RunFolder(path)
    return folder, runner.run_experiment(config, folder)


def test_the_final_metrics_are_those_of_the_best_weights(listener, tmp_path, monkeypatch):
    """The second of four epochs is made the best: its validation loss is recorded as 10 lower than it is."""
    better, calls = [0, 10, 0, 0], []

    def evaluate_on_validation(model, *arguments):
        calls.append(model.params.values.copy())
        return evaluate(model, *arguments) - better[len(calls) - 1]

    monkeypatch.setattr(loop, "evaluate", evaluate_on_validation)
    folder, metrics = run(tmp_path, "train.max_epochs=4")
    experiment = build.experiment(composed(*QUICK))
    with np.load(tmp_path / "best.npz") as arrays:
        for name, value in experiment.model.params.value.items():
            value[...] = arrays[name]
    np.testing.assert_array_equal(experiment.model.params.values, calls[1])
    losses = [record["valid/loss"] for record in folder.records()]
    splits = experiment.corpus.splits
    with engine.use(experiment.engine):
        assert metrics["test/loss"] == evaluate(experiment.model, splits["test"])
        assert metrics["test/ppl"] == math.exp(metrics["test/loss"])
        assert math.log(metrics["best/valid_ppl"]) == pytest.approx(losses[1], rel=1e-12)
        assert evaluate(experiment.model, splits["valid"]) - 10 == losses[1]
        assert metrics["best/epoch"] == 2
        for split, key in (
            ("test", "oracle/ppl"),
            ("valid", "oracle/valid_ppl"),
            ("train", "oracle/train_ppl"),
        ):
            assert math.log(metrics[key]) == pytest.approx(experiment.corpus.oracle[split], rel=1e-12)
        assert metrics["num_params"] == len(experiment.model.params.values)
        assert folder.result() == metrics
        found = {place: [path.name for path in files] for place, files in folder.artifacts().items()}
        assert found == {
            "": ["config.yaml", "curves.png", "samples.txt"],
            "model": ["MLmodel", "config.yaml", "vocabulary.json", "best.npz"],
        }


def test_a_run_has_its_own_name_also_in_the_folder_of_one_that_failed(tmp_path):
    folder = RunFolder(tmp_path)
    with pytest.raises(UserError):
        runner.run_experiment(
            composed(*QUICK, "train.batch_size=1000"), folder, overrides=["train.batch_size=1000"]
        )
    assert folder.label() == {"name": "lstm batch_size=1000 seed=0"}
    given = ["cell=gru", "seed=1", "train.max_steps=1"]
    runner.run_experiment(composed(*QUICK, *given), folder, overrides=given)
    assert folder.label() == {"name": "gru max_steps=1 seed=1"}
    runner.run_experiment(composed(*QUICK, *given), folder)
    assert folder.label() == {"name": "gru max_steps=1 seed=1"}


def test_records_say_what_was_done(listener, tmp_path):
    folder, metrics = run(tmp_path)
    assert metrics["train_cpu_s"] == sum(record["epoch_cpu_s"] for record in folder.records())
    assert folder.tags()["rnnexp.data_digest"] == build.experiment(composed(*SMALL)).corpus.digest()
    assert listener.seen == [("RUNNING", 0), ("RUNNING", 1), ("RUNNING", 2), ("FINISHED", 2), "wait"]
    for number, record in enumerate(folder.records(), 1):
        assert (record["epoch"], record["updates"]) == (number, 94 * number)  # 2999 targets: 749 steps of 4
        assert record["train/ppl"] == math.exp(record["train/loss"])
        assert 0 < record["epoch_s"] < 60
        # validation is part of an epoch's seconds and not of the training rate
        assert record["tokens_per_s"] * record["epoch_s"] > 2996
        assert record["epoch_cpu_s"] > 0
    times = [record["time"] for record in folder.records()]
    assert times == sorted(times)
    assert 1.7e12 < times[0] < 1e13


@pytest.mark.parametrize("streams", [1, 3])
def test_the_test_loss_is_kept_token_by_token(listener, tmp_path, streams):
    folder, metrics = run(tmp_path, f"train.eval_streams={streams}", "train.max_epochs=1")
    corpus, found = build.experiment(composed(*SMALL)).corpus, folder.test_nats()
    assert found["nats"].mean(dtype=float) == pytest.approx(metrics["test/loss"], abs=1e-6)
    assert math.exp(found["oracle"].mean(dtype=float)) == pytest.approx(metrics["oracle/ppl"], abs=1e-6)
    np.testing.assert_array_equal(found["targets"], corpus.splits["test"][1:])
    assert {name: (array.dtype.kind, len(array)) for name, array in found.items()} == {
        **{"nats": ("f", 399), "oracle": ("f", 399), "targets": ("i", 399)},
        **{"kind": ("i", 399), "size": ("i", 399), "kinds": ("U", 4)},
    }
    assert (found["oracle"] >= 0).all()
    assert folder.test_nats_file not in folder.artifacts()


def test_of_sequences_every_symbol_is_kept(listener, tmp_path):
    config = composed("dataset=gettysburg", *SMALL[3:], "train.max_steps=2")
    folder = RunFolder(tmp_path)
    metrics = runner.run_experiment(config, folder)
    found = folder.test_nats()
    assert found.keys() == {"nats", "targets", "train_counts"}
    counts = found["train_counts"]
    train = build.experiment(config).corpus.splits["train"]
    assert {token: count for token, count in enumerate(counts) if count} == Counter(train.tolist())
    assert found["nats"].mean(dtype=float) == pytest.approx(metrics["test/loss"], abs=1e-6)


def test_a_run_without_losses_of_tokens_has_none(tmp_path):
    assert RunFolder(tmp_path).test_nats() is None


def test_a_run_that_diverged_without_an_infinite_number_says_so(listener, tmp_path, caplog):
    folder, _ = run(tmp_path / "bad", "optimizer.lr=300", "optimizer.clip_norm=100")
    assert folder.tags()["rnnexp.diverged"] == "true"
    assert folder.state()["status"] == "FINISHED"
    (line,) = [record.getMessage() for record in caplog.records if "diverged" in record.getMessage()]
    assert line.startswith("lstm seed 0 diverged: valid ppl ")
    assert line.endswith("; lower optimizer.lr (now 300) or optimizer.clip_norm (now 100)")
    how = line.removeprefix("lstm seed 0 diverged: ")
    job = Job("bad", folder.load_config(), folder, outcome="finished")
    assert str(job).endswith(f", diverged: {how}")
    work = Sweep([job], workers=1, timeout=None, on_error="keep_going")
    assert work.summary() == f"1 job: 1 finished\ndiverged: bad: {how}; see {folder}\n"
    folder, _ = run(tmp_path / "good")
    assert "rnnexp.diverged" not in folder.tags()


def test_the_test_split_may_never_be_looked_at(listener, tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    read = []

    class Splits(dict):
        def __getitem__(self, split):
            read.append(split)
            return super().__getitem__(split)

    make = corpora.make_chosen

    def make_noting(group, section, *given):
        made = make(group, section, *given)
        return replace(made, splits=Splits(made.splits)) if group == "dataset" else made

    monkeypatch.setattr(corpora, "make_chosen", make_noting)
    monkeypatch.setattr(Corpus, "digest", lambda corpus: "0" * 64)
    # too short a test split does not matter
    folder, metrics = run(tmp_path, "train.test=never", "train.eval_streams=5", "dataset.test_tokens=3")
    assert set(read) == {"train", "valid"}
    assert [name for name in metrics if "test" in name or name == "oracle/ppl"] == []
    assert not folder.test_nats_file.exists()
    assert run(tmp_path, "train.test=never", "train.eval_streams=5", "dataset.test_tokens=3")[1] == metrics
    assert f"has finished: validation perplexity {metrics['best/valid_ppl']:.4g}" in caplog.text
    said = f"best epoch 2, valid ppl {metrics['best/valid_ppl']:.4g}"
    assert f"lstm seed 0: {said}; run folder" in caplog.text
    assert str(Job("trial", folder.load_config(), folder)) == f"trial: {said}"


def test_an_evaluation_that_is_not_done_is_said(listener, tmp_path, caplog):
    caplog.set_level("INFO")
    run(tmp_path, "train.test=never", "evaluation=temperature")
    assert "not evaluated, for train.test=never leaves the test split unread" in caplog.text


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["train.average_from=3"],
            "no weights are averaged: that begins with epoch 3 at the earliest, of 2",
        ),
        (
            ["train.average_trigger=4", "train.patience=null", "train.max_epochs=6"],
            "no weights are averaged: that begins with epoch 7 at the earliest, of 6",
        ),
        (["train.warmup_steps=500"], "the learning rate does not reach its value"),
        (
            ["evaluation=dynamic", "evaluation.dynamic.lr=[1e3]", "evaluation.dynamic.decay=[.01]"],
            "nats per token, worse than equal odds for",
        ),
        (["evaluation=temperature"], ", temperature "),
    ],
)
def test_what_does_not_come_about_is_said(listener, tmp_path, caplog, overrides, said):
    caplog.set_level("INFO")
    run(tmp_path, *overrides)
    assert said in caplog.text


def test_whether_the_test_split_is_scored_is_a_setting_that_old_runs_had(listener):
    assert hashes(composed()) == hashes(composed("train.test=end")) != hashes(composed("train.test=never"))
    before = composed()
    del before["train"]["test"]
    assert hashes(before) == hashes(composed())
    assert schema.resolve(schema.typed(before)) == composed()


def test_an_epoch_that_was_recorded_before_a_crash_is_not_recorded_again(listener, tmp_path):
    folder, _ = run(tmp_path / "whole")
    records = folder.records()
    crashed = RunFolder(tmp_path / "crashed")  # after the first record, before its checkpoint
    with crashed.claimed():
        crashed.append(records[0])
    with crashed.records_file.open("a") as file:
        file.write('{"epoch": 2, "cut sh')
    assert crashed.records() == records[:1]
    listener.seen.clear()
    run(tmp_path / "crashed")
    assert [record["epoch"] for record in crashed.records()] == [1, 2]
    assert crashed.records()[0] == records[0]
    assert listener.seen == [("RUNNING", 1), ("RUNNING", 2), ("FINISHED", 2), "wait"]


def test_a_run_that_has_finished_is_not_run_again(listener, tmp_path, monkeypatch):
    folder, metrics = run(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.*") if path.name != "state.json"}
    monkeypatch.delattr(runner, "train_and_test")
    assert run(tmp_path)[1] == metrics
    assert before == {path: path.read_bytes() for path in before}
    assert folder.state()["status"] == "FINISHED"
    with pytest.raises(UserError, match="holds a run with other settings"):
        run(tmp_path, "seed=1")


def test_a_run_that_is_to_stop_after_its_last_epoch_is_scored_when_it_goes_on(
    listener, tmp_path, monkeypatch, capfd
):
    fit, score = train_and_test.fit, train_and_test.score_test

    def fit_and_be_stopped(*given):
        yield from fit(*given)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(train_and_test, "fit", fit_and_be_stopped)
    monkeypatch.setattr(train_and_test, "score_test", lambda experiment: pytest.fail("scored"))
    with pytest.raises(Interrupted):
        run(tmp_path)
    assert capfd.readouterr().err.startswith("stopping: the step or the scoring under way is finished")
    assert RunFolder(tmp_path).state()["status"] == "KILLED"
    monkeypatch.setattr(train_and_test, "fit", fit)
    monkeypatch.setattr(train_and_test, "score_test", score)
    folder, metrics = run(tmp_path)
    assert len(folder.records()) == 2
    assert "test/ppl" in metrics


def test_the_time_left_of_a_run_that_goes_on_within_an_epoch_counts_its_own_steps(
    listener, tmp_path, monkeypatch
):
    begun_with = []

    class Display(progress.Hidden):
        def step(self, done):
            if done == 5 and len(begun_with) == 1:
                os.kill(os.getpid(), signal.SIGTERM)

    def for_run(label, done, total, show):
        begun_with.append(done)
        return Display()

    monkeypatch.setattr(progress, "for_run", for_run)
    with pytest.raises(Interrupted):
        run(tmp_path)
    run(tmp_path)
    assert begun_with == [0, 5]


def test_artifacts_that_fail_do_not_fail_the_run(listener, tmp_path, monkeypatch, caplog):
    def fail(*args):
        raise RuntimeError("no ink")

    monkeypatch.setattr(curves, "figure", fail)
    run(tmp_path)
    assert listener.seen[-2:] == [("FINISHED", 2), "wait"]
    assert "no ink" in caplog.text


def test_samples_follow_the_models_distribution():
    model = small_model(vocab_size=4)
    model.params.value["decoder.W"][...] = 0
    p = np.array([0.1, 0.2, 0.3, 0.4])
    model.params.value["decoder.b"][...] = np.log(p)
    (tokens,) = sample(model, [0], 4000, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(tokens) / 4000, p, atol=0.03)
    assert [tokens] == sample(model, [0], 4000, np.random.default_rng(0))


def test_samples_depend_on_what_came_before():
    model = small_model("lstm")
    state, workspace, rng = model.zero_state(1), model.workspace(), np.random.default_rng(1)
    (tokens,) = sample(model, [3], 20, np.random.default_rng(1))
    for before, after in zip([3, *tokens], tokens):
        logits, state = model.logits(np.array([[before]]), state, workspace)
        p = np.exp(logits[0]) / np.exp(logits[0]).sum()
        assert rng.choice(len(p), p=p) == after


@pytest.mark.parametrize(
    ("overrides", "number"),
    [
        ([], 1),
        (["threads=2"], 2),
        (["model.hidden_size=400", "train.batch_size=32", "train.bptt=32", "threads=null"], "all"),
    ],
)
def test_small_models_compute_with_one_thread(listener, tmp_path, monkeypatch, overrides, number):
    found = []

    def blas_threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    def look(*args):
        assert set(blas_threads()) == {1}  # the threads are ours
        found.append(threads.number_for(1000, 1))
        return {"best/valid_ppl": 1.0}

    monkeypatch.setattr(runner, "train_and_test", look)
    outside = blas_threads()
    run(tmp_path, *overrides)
    assert found == [max(outside) if number == "all" else number]
    assert RunFolder(tmp_path).load_config()["threads"] == found[0]  # so that resume computes with as many
    assert set(blas_threads()) == set(outside)


def test_a_run_says_why_it_is_slow_and_why_it_stops(listener, tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(Model, "not_compiled", lambda self: ["a reason"])
    folder, metrics = run(tmp_path, "train.max_seconds=1e-6", "engine=numpy")
    said = [record.getMessage() for record in caplog.records]
    assert any("which are slower: a reason" in line for line in said)
    assert any("stopped by train.max_seconds=1e-06 at step 1" in line for line in said)
    assert [record["updates"] for record in folder.records()] == [1]
    assert metrics["train_cpu_s"] > 1e-6
    assert metrics["operations_per_token"] == 2 * 4 * 8 * 16 + 8 * len(folder.load_vocabulary().vocabulary)


def test_seconds_of_the_cpu_are_no_limit_for_a_gpu():
    with pytest.raises(UserError, match=r"with device=gpu give train\.max_steps"):
        rules.check(composed(*QUICK, "train.max_seconds=5", "device=gpu"), elsewhere=True)


@pytest.mark.parametrize(
    ("last", "said"), [(2.9, r"8\) is far too high, or far too low"), (3.1, r"lower optimizer\.lr \(now 8\)")]
)
def test_a_run_no_better_than_chance_says_what_may_be_wrong(tmp_path, last, said):
    folder = RunFolder(tmp_path / "run")
    records = [{"train/loss": loss, "valid/loss": loss} for loss in (3.0, last)]
    with folder.claimed():
        divergence.note(folder, "gru", records, 10, SGD(lr=8))
        assert re.search(said, divergence.how(folder))


def test_a_run_says_that_its_patience_is_over(listener, tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(loop, "evaluate", lambda *arguments: 1.0)  # the first epoch stays the best
    run(tmp_path, "train.max_epochs=9", "train.patience=2")
    assert any("stopped by train.patience=2" in record.getMessage() for record in caplog.records)
    assert len(RunFolder(tmp_path).records()) == 3
    caplog.clear()
    run(tmp_path / "short", "train.max_epochs=3", "train.patience=2")  # which ends it too
    assert not any("stopped by" in record.getMessage() for record in caplog.records)
