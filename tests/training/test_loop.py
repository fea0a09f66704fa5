"""Training: the same seed, the same history; interrupted anywhere, the same end."""

import itertools
import math

import numpy as np
import pytest

from rnnexp.data.corpus import Corpus
from rnnexp.data.datasets import grammar
from rnnexp.data.lines import of_lines
from rnnexp.data.texts import Reading
from rnnexp.data.vocabulary import Vocabulary
from rnnexp.errors import Diverged, Interrupted, UserError
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.optim.adagrad import Adagrad
from rnnexp.optim.schedules.constant import Constant
from rnnexp.optim.schedules.cosine import Cosine
from rnnexp.optim.schedules.exponential import Exponential
from rnnexp.optim.schedules.plateau import Plateau
from rnnexp.optim.sgd import SGD
from rnnexp.records import checkpoint
from rnnexp.training import loop
from rnnexp.training.checkpoints import Checkpoints
from rnnexp.training.config import TrainConfig
from rnnexp.training.loop import fit, next_windows, train_batches
from rnnexp.training.measuring import next_stop
from rnnexp.training.state import TrainState, divergence
from tests.helpers.variants import REPRESENTATIVES, small_model

CORPUS = grammar.make(train_tokens=700, valid_tokens=200, test_tokens=200)
V = len(CORPUS.vocabulary)
TIMES = {"tokens_per_s", "epoch_s", "epoch_cpu_s"}


def settings(**changes):
    values = {
        "batch_size": 4,
        "bptt": 10,
        "max_epochs": 3,
        "max_steps": None,
        "patience": None,
        "eval_streams": 1,
        "checkpoint_every_s": 1e9,
        "shuffle": True,
        "sample_every": None,
        "sample_num": 1,
        "sample_length": 10,
    }
    return TrainConfig(**values | changes)


class Run:
    """A run that can be begun again in the same folder."""

    def __init__(
        self, folder, *, cell="lstm", lr=1.0, schedule=None, corpus=CORPUS, disturbed=None, **changes
    ):
        self.model = small_model(
            cell, num_layers=2, vocab_size=V, dtype=np.float32, **(disturbed or {"dropout": 0.3})
        )
        self.model.init(seed=5)
        self.settings, self.corpus = settings(**changes), corpus
        self.optimizer, self.schedule = SGD(lr, 0.25), schedule or Plateau(4)
        self.checkpoints = Checkpoints(folder, "same")

    def records(self, on_step=lambda progress: None):
        epochs = fit(
            self.model,
            self.corpus,
            self.optimizer,
            self.schedule,
            self.settings,
            self.checkpoints,
            7,
            on_step,
        )
        return [{key: value for key, value in record.items() if key not in TIMES} for record in epochs]


def test_same_seed_same_history_bit_for_bit(tmp_path):
    runs = [Run(tmp_path / name) for name in "ab"]
    for name in "ab":
        (tmp_path / name).mkdir()
    first, second = (run.records() for run in runs)
    assert first == second
    np.testing.assert_array_equal(runs[0].model.params.values, runs[1].model.params.values)
    assert [record["epoch"] for record in first] == [1, 2, 3]
    assert first[-1]["valid/ppl"] < first[0]["valid/ppl"] < V


@pytest.mark.parametrize(
    ("cell", "max_steps"), [*((cell, 25) for cell in REPRESENTATIVES), ("lstm", None), ("rnn", None)]
)
def test_interrupted_at_any_step_and_resumed_is_as_if_nothing_had_been(cell, max_steps, tmp_path):
    (tmp_path / "whole").mkdir()
    whole = Run(tmp_path / "whole", cell=cell, max_steps=max_steps)
    records = whole.records()
    last_step = int(records[-1]["updates"])
    for stop_at in [*range(1, last_step, 5), last_step]:
        folder = tmp_path / str(stop_at)
        folder.mkdir()

        def stop(progress, stop_at=stop_at):
            if progress.step == stop_at:
                raise Interrupted(15)

        with pytest.raises(Interrupted):
            Run(folder, cell=cell, max_steps=max_steps).records(stop)
        resumed = Run(folder, cell=cell, max_steps=max_steps)
        rest = resumed.records()
        assert rest == records[len(records) - len(rest) :]
        np.testing.assert_array_equal(resumed.model.params.values, whole.model.params.values)


@pytest.mark.parametrize("stop_at", [None, 3, 20])
@pytest.mark.parametrize(("limit", "steps"), [(0.5, 1), (5, 5), (22, 21)])
def test_training_stops_after_the_step_that_reaches_the_seconds(limit, steps, stop_at, tmp_path, monkeypatch):
    """Here a step takes a CPU second, as does a validation; seconds before an interruption count."""
    monkeypatch.setattr(loop.time, "process_time", itertools.count().__next__)

    def stop(progress):
        if progress.step == stop_at:
            raise Interrupted(15)

    if stop_at and stop_at < steps:
        with pytest.raises(Interrupted):
            Run(tmp_path, max_seconds=limit).records(stop)
    records = Run(tmp_path, max_seconds=limit).records()
    assert records[-1]["updates"] == steps
    assert records[-1]["epoch"] == (2 if limit == 22 else 1)
    assert records[-1]["valid/ppl"] > 1
    assert Run(tmp_path, max_seconds=limit).records() == []  # it is over


NAMES = [f"{a}{b * k}" for a in "abc" for b in "xy" for k in range(1, 6)]
LINES = of_lines(NAMES, Reading("char"), (0.8, 0.1, 0.1), 0, "")


def sequence_run(folder):
    """Sequences in a new order each epoch, longer ones cut into windows, an optimizer with a memory."""
    folder.mkdir(exist_ok=True)
    run = Run(folder, corpus=LINES, bptt=4, batch_size=3, schedule=Constant())
    run.optimizer = Adagrad(0.05, clip_value=5.0)
    return run


def test_sequences_resume_at_any_step_as_well(tmp_path):
    whole = sequence_run(tmp_path / "whole")
    records = whole.records()
    assert records[-1]["train/sequence_loss"] < records[0]["train/sequence_loss"]
    for stop_at in range(1, int(records[-1]["updates"]), 4):

        def stop(progress, stop_at=stop_at):
            if progress.step == stop_at:
                raise Interrupted(15)

        with pytest.raises(Interrupted):
            sequence_run(tmp_path / str(stop_at)).records(stop)
        resumed = sequence_run(tmp_path / str(stop_at))
        rest = resumed.records()
        assert rest == records[len(records) - len(rest) :]
        np.testing.assert_array_equal(resumed.model.params.values, whole.model.params.values)


def test_the_order_of_sequences_is_new_each_epoch_and_the_same_again():
    def first_inputs(**changes):
        chosen = settings(batch_size=3, bptt=50, **changes)
        return [train_batches(LINES, chosen, 7, epoch).window(0)[1].tolist() for epoch in (0, 1, 0)]

    shuffled = first_inputs()
    assert shuffled[0] == shuffled[2] != shuffled[1]
    in_order = first_inputs(shuffle=False)
    assert in_order[0] == in_order[1]


def test_windows_of_random_length_are_cut_anew_each_epoch_and_the_same_again():
    chosen = settings(random_bptt=True)
    cuts = [train_batches(CORPUS, chosen, *address).cuts for address in ((7, 0), (7, 0), (8, 0), (7, 1))]
    assert cuts[0] == cuts[1]
    assert cuts[0] != cuts[2] != cuts[3] != cuts[0]


def test_steps_may_end_before_any_sequence_does(tmp_path):
    (record,) = Run(tmp_path, corpus=LINES, batch_size=1, bptt=1, max_epochs=1, max_steps=1).records()
    assert "train/sequence_loss" not in record


def test_the_smoothed_loss_is_that_of_the_course(tmp_path):
    seen = []
    corpus = LINES
    run = Run(tmp_path, corpus=corpus, batch_size=1, bptt=100, max_epochs=2)
    forward = run.model.forward

    def spy(inputs, targets, state, workspace, dropout_key=None, grad_scale=None, **options):
        nats, after = forward(inputs, targets, state, workspace, dropout_key, grad_scale, **options)
        if grad_scale is not None:
            seen.append(nats)
        return nats, after

    run.model.forward = spy
    records = run.records()
    smooth = -np.log(1 / len(corpus.vocabulary)) * 7
    for loss in seen:
        smooth = smooth * 0.999 + loss * 0.001
    assert records[-1]["train/smooth_loss"] == pytest.approx(smooth, rel=1e-12)
    epoch = seen[len(seen) // 2 :]
    assert records[-1]["train/sequence_loss"] == pytest.approx(np.mean(epoch), rel=1e-12)


def test_a_crash_before_the_checkpoint_of_an_epoch_repeats_its_record(tmp_path):
    (tmp_path / "whole").mkdir()
    records = Run(tmp_path / "whole").records()
    crashed = Run(tmp_path)
    epochs = fit(
        crashed.model, CORPUS, crashed.optimizer, crashed.schedule, crashed.settings, crashed.checkpoints, 7
    )
    next(epochs)
    next(epochs)
    epochs.close()  # the second record was taken, its checkpoint was not written
    assert Run(tmp_path).records() == records[1:]


def test_checkpoints_within_an_epoch(tmp_path):
    class Crash(Exception):
        pass

    def crash(progress):
        if progress.step == 5:
            raise Crash

    with pytest.raises(Crash):
        Run(tmp_path, checkpoint_every_s=0).records(crash)
    resumed = Run(tmp_path)
    _, progress = resumed.checkpoints.load_last(resumed.model, SGD(1.0), 4)
    assert (progress.epoch, progress.window, progress.step) == (0, 4, 4)


def test_the_best_weights_are_what_is_left(tmp_path):
    run = Run(tmp_path, max_epochs=5)

    def spoil(state):
        if state.epoch >= 2:  # done: the later ones always predict one symbol
            run.model.params.value["decoder.b"][0] = 50

    losses = [record["valid/loss"] for record in run.records(spoil)]
    best = min(losses[:2])
    assert all(best + 10 < loss for loss in losses[2:])
    assert evaluate(run.model, CORPUS.splits["valid"]) == best
    _, meta = run.checkpoints.read(run.checkpoints.best)
    assert (meta["valid_loss"], meta["epoch"]) == (best, 1 + losses.index(best))


def validation_losses(monkeypatch, losses):
    """Have validation find these, an epoch each."""
    left = iter(losses)
    monkeypatch.setattr(loop, "evaluate", lambda *_: next(left))


def test_the_second_best_weights_do_not_pass_for_the_best(tmp_path, monkeypatch):
    validation_losses(monkeypatch, [3.0, 1.0, 2.0])
    Run(tmp_path).records()
    best = tmp_path / "best.npz"
    assert checkpoint.read(checkpoint.previous(best))[1]["epoch"] == 1
    best.write_bytes(best.read_bytes()[:-50])
    with pytest.raises(UserError, match="damaged or gone, and with it the best weights"):
        Run(tmp_path).records()


def test_parameters_that_overflowed_are_not_saved(tmp_path):
    run = Run(tmp_path, lr=1e38, checkpoint_every_s=0)
    run.optimizer.clip_norm = 1e30
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(Diverged, match="became"):
        run.records()
    arrays, _ = run.checkpoints.read(run.checkpoints.last)
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_lr_falls_when_validation_does_not_improve_and_patience_ends_it(tmp_path, monkeypatch):
    losses = [3.0, 2.0, 2.5, 1.9, 1.9, 2.0]
    validation_losses(monkeypatch, [*losses, 1.0])
    run = Run(tmp_path, lr=8.0, max_epochs=40, patience=2)
    records = run.records()
    assert [record["valid/loss"] for record in records] == losses
    assert [record["lr"] for record in records] == [8, 8, 8, 2, 2, 0.5]
    assert run.checkpoints.read(run.checkpoints.best)[1]["epoch"] == 4


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (Exponential(2.0, 3), [4, 4, 4, 2, 1]),
        (Cosine(4, 0.0), [2 * (1 + math.cos(math.pi * k / 4)) for k in range(5)]),
    ],
    ids=["exponential", "cosine"],
)
def test_a_schedule_is_told_which_epoch_has_ended(tmp_path, schedule, rates):
    records = Run(tmp_path, lr=4.0, schedule=schedule, max_epochs=5).records()
    assert [record["lr"] for record in records] == pytest.approx(rates)


def test_the_windows_between_two_results_stop_where_text_is_sampled():
    """On a GPU results are asked for every 32 steps, but text is sampled from the model of its step."""

    def stops(sync_every, sample_every, end=40):
        state, found = TrainState(lr=1.0, step=100), []
        while state.window < end:
            windows = next_windows(
                state, end, sync_every, next_stop(state.step, settings(sample_every=sample_every))
            )
            assert windows.start == state.window
            state.window = windows.stop
            state.step += len(windows)
            found.append(windows.stop)
        return found

    assert stops(1, None) == list(range(1, 41))
    assert stops(32, None) == [32, 40]
    assert stops(32, 15) == [5, 20, 35, 40]  # steps 105, 120, 135
    assert stops(4, 10) == [4, 8, 10, 14, 18, 20, 24, 28, 30, 34, 38, 40]


def test_a_checkpoint_holds_what_those_of_earlier_versions_held(tmp_path):
    """Under the same names, so that this version goes on from what they have written."""
    run = Run(tmp_path, max_epochs=1)
    run.optimizer = Adagrad(0.05)
    run.records()
    arrays, meta = checkpoint.read(tmp_path / "last.npz")
    states = [f"state.{layer}.{k}" for layer in range(2) for k in range(2)]
    assert arrays.keys() == {*run.model.params.value, *states, "optimizer.squares", "optimizer.step"}
    assert meta.keys() >= {"fingerprint", "progress", "measured"}  # the last is read where there is one
    counted = ["step", "epoch", "window", "nats", "tokens", "sequences", "grad_norm", "seconds"]
    assert meta["progress"].keys() >= {"lr", *counted, "smooth_loss", "best_loss", "best_epoch"}
    _, meta = checkpoint.read(tmp_path / "best.npz")
    assert meta.keys() == {"fingerprint", "epoch", "valid_loss"}


def test_a_checkpoint_without_measurements_goes_on(tmp_path):
    def stop(state):
        if state.step == 5:
            raise Interrupted(15)

    run = Run(tmp_path)
    with pytest.raises(Interrupted):
        run.records(stop)
    arrays, meta = checkpoint.read(tmp_path / "last.npz")
    names = {"clipped", "max_grad_norm", "cpu_seconds", "logged_nats", "logged_tokens"}
    assert meta["measured"].keys() == names
    del meta["measured"]
    checkpoint.write(tmp_path / "last.npz", arrays, meta)
    assert len(Run(tmp_path).records()) == 3


@pytest.mark.parametrize("interrupt_at", [None, 7])
def test_an_epoch_says_how_large_its_gradients_were_and_how_many_were_clipped(tmp_path, interrupt_at):
    norms = []

    def run():
        one = Run(tmp_path, max_epochs=2)
        one.optimizer.clip_norm = 0.36
        update = one.optimizer.update

        def spy(*arguments):
            norms.append(update(*arguments))
            return norms[-1]

        one.optimizer.update = spy
        return one

    def stop(state):
        if state.step == interrupt_at:
            raise Interrupted(15)

    if interrupt_at:
        with pytest.raises(Interrupted):
            run().records(stop)
    records = run().records()
    for record, own in zip(records, (norms[:18], norms[18:]), strict=True):
        assert record["max_grad_norm"] == max(own)
        assert record["clip_share"] == np.mean(np.array(own) > 0.36)
        assert record["grad_norm"] == pytest.approx(np.mean(own))
    assert 0 < records[0]["clip_share"] < 1


def test_no_share_is_clipped_where_nothing_limits_the_norm(tmp_path):
    run = Run(tmp_path, max_epochs=1)
    run.optimizer.clip_norm = None
    (record,) = run.records()
    assert "clip_share" not in record
    assert record["max_grad_norm"] > 0


def test_cpu_seconds_count_every_step_and_validation_across_an_interruption(tmp_path, monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr(loop.time, "process_time", lambda: float(next(ticks)))

    def stop(state):
        if state.step == 7:
            raise Interrupted(15)

    with pytest.raises(Interrupted):
        Run(tmp_path, max_epochs=2).records(stop)
    epochs = Run(tmp_path, max_epochs=2)
    records = list(
        fit(epochs.model, CORPUS, epochs.optimizer, epochs.schedule, epochs.settings, epochs.checkpoints, 7)
    )
    # a look at the clock after each of 18 steps and after validation
    assert [record["epoch_cpu_s"] for record in records] == [19, 19]


@pytest.mark.parametrize(
    ("valid", "train", "diverged"),
    [
        ([], 0.0, False),
        ([2.0], 2.5, False),
        ([2.0, 1.0, 1.5], 1.6, False),
        ([2.0, 1.0, 2.1], 2.2, True),
        ([2.0, 1.0, 2.1], 1.0, True),
        ([2.0, 1.0, 2.1], 0.4, False),  # overfitted
        ([2.0, 1.0, 2.4], 0.4, True),  # its state drifts in a long text alone
        ([math.log(10)], 2.0, True),
        ([3.0, 2.5, 2.4], 2.0, True),
    ],
)
def test_training_has_diverged_where_it_only_did_harm(valid, train, diverged):
    records = [{"valid/loss": loss, "train/loss": train} for loss in valid]
    assert bool(divergence(records, vocab_size=10)) is diverged


def test_max_steps_ends_early(tmp_path):
    records = Run(tmp_path, max_steps=25).records()
    assert [record["updates"] for record in records] == [18, 25]


def test_no_epochs_train_nothing(tmp_path):
    run = Run(tmp_path, max_epochs=0)
    before = run.model.params.values.copy()
    assert run.records() == []
    np.testing.assert_array_equal(before, run.model.params.values)


def test_a_short_last_window_weighs_its_tokens_like_any_other(tmp_path):
    """The gradient of a window is that of its summed loss, divided by a full window's tokens."""
    norms = []
    for bptt in 10, 40:  # the same ten steps, as a whole window and as a quarter of one
        corpus = Corpus(CORPUS.vocabulary, CORPUS.splits | {"train": CORPUS.splits["train"][:41]})
        run = Run(tmp_path, corpus=corpus, batch_size=4, bptt=bptt, max_steps=1, max_epochs=1)
        run.optimizer.clip_norm = None
        norms.append(run.records()[0]["grad_norm"])
        (tmp_path / "last.npz").unlink()
    assert norms[0] == pytest.approx(4 * norms[1], rel=1e-5)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path):
    run = Run(tmp_path)

    def poison(progress):
        if progress.step == 20:
            run.model.params.values[0:50] = np.nan
            run.model.params.value["decoder.b"][0] = np.nan

    with pytest.raises(Diverged, match=r"became nan at step 21$"):
        run.records(poison)
    arrays, _ = run.checkpoints.read(run.checkpoints.last)
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_a_gradient_that_is_not_finite_changes_no_parameter():
    run_model = small_model()
    run_model.params.grads[...] = np.inf
    before = run_model.params.values.copy()
    assert SGD(1.0, 0.25).update(run_model.params, 1.0) == math.inf
    np.testing.assert_array_equal(before, run_model.params.values)


def test_the_global_norm_is_clipped():
    model = small_model(tie=True)
    model.params.grads[...] = np.random.default_rng(0).standard_normal(len(model.params.grads))
    norm, before, grads = (
        np.linalg.norm(model.params.grads),
        model.params.values.copy(),
        model.params.grads.copy(),
    )
    assert SGD(1.0, 0.25).update(model.params, lr=2.0) == pytest.approx(norm)
    np.testing.assert_allclose(before - model.params.values, 2 * 0.25 * grads / norm, atol=1e-15)
    model.params.grads[...] = grads / norm / 10
    before = model.params.values.copy()
    SGD(1.0, 0.25).update(model.params, lr=2.0)
    np.testing.assert_allclose(before - model.params.values, 2 * grads / norm / 10, atol=1e-15)


def test_the_checkpoint_of_another_config_is_refused(tmp_path):
    Run(tmp_path, max_epochs=1).records()
    other = Run(tmp_path)
    other.checkpoints = Checkpoints(tmp_path, "other")
    with pytest.raises(UserError, match="checkpoint of another config or other data"):
        other.records()


@pytest.mark.parametrize("cell", REPRESENTATIVES)
def test_a_cycle_is_learnt_to_certainty(cell, tmp_path):
    tokens = np.tile(np.arange(5), 60).astype(np.int32)
    corpus = Corpus(Vocabulary("abcde"), {"train": tokens, "valid": tokens[:50], "test": tokens[:50]})
    model = small_model(cell, vocab_size=5, dtype=np.float32)
    model.init(seed=0)
    list(fit(model, corpus, SGD(2.0, 1.0), Constant(), settings(max_epochs=60), Checkpoints(tmp_path, ""), 0))
    assert math.exp(evaluate(model, tokens)) < 1.1
