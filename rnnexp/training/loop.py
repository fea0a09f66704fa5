"""Train by truncated backpropagation through time, with early stopping and checkpoints.

A text is too long to send gradients back through all of it. So it is cut into windows of `bptt` steps. The
recurrent state goes on from each window to the next, but gradients do not: a window is run forward, the
gradient of its loss is run back to its first step and no further, and the parameters are updated.
"""

import math
import time
from collections.abc import Callable, Iterator

import numpy as np

from rnnexp.data.batches import Batches, RandomStreams, Sequences, Streams
from rnnexp.data.corpus import Corpus
from rnnexp.data.device import DeviceBatches, device_batches
from rnnexp.errors import Interrupted
from rnnexp.evaluation.perplexity import evaluate, loss_metrics
from rnnexp.nn.model import Model
from rnnexp.nn.tokens import IGNORE_INDEX
from rnnexp.optim.base import Optimizer
from rnnexp.optim.schedules.base import Schedule
from rnnexp.training import average as averages
from rnnexp.training import step as steps
from rnnexp.training.checkpoints import Checkpoints
from rnnexp.training.config import TrainConfig
from rnnexp.training.measuring import Record, measure, next_stop
from rnnexp.training.state import TrainState


def fit(
    model: Model,
    corpus: Corpus,
    optimizer: Optimizer,
    schedule: Schedule,
    config: TrainConfig,
    checkpoints: Checkpoints,
    seed: int,
    on_step: Callable[[TrainState], None] = lambda state: None,
    on_measured: Callable[[Record], None] = lambda record: None,
) -> Iterator[dict[str, float]]:
    """Train, and yield a record after each epoch; at the end the model has the best weights.

    An epoch goes through the windows of `train_batches`; the tail of a stream, fewer targets than rows, is left
    out. It ends early where max_steps or max_seconds is reached. Training goes on from the last checkpoint where
    there is one. That holds everything the next step depends on, so a run that was cut off anywhere ends with the
    parameters of one that was not, to the bit (with max_seconds it may end at another step). The checkpoint of an
    epoch is written after the caller has taken its record. So after a crash the caller may see the record of the
    last epoch twice, but it never misses one.

    Parameters
    ----------
    seed : of the dropout masks and of the order of sequences.
    on_step : called after each update, on a GPU after every few; where it raises Interrupted, a checkpoint is
        saved before that goes on to the caller.
    on_measured : called with what log_every and validate_every have measured within an epoch. After a crash it may
        be called again with what it was called with since the last checkpoint.

    Raises
    ------
    Diverged when a loss or gradient is not finite; the last checkpoint stays as it was.
    """
    average = averages.Average()
    stored = checkpoints.load_last(model, optimizer, config.batch_size, average)
    recurrent, state = stored or (None, TrainState.at_start(optimizer.lr, len(corpus.vocabulary)))
    step = steps.make(model, optimizer, seed, config.batch_size, recurrent)

    def save() -> None:
        checkpoints.save_last(model, optimizer, step.state, state, average)

    def validate() -> float:
        with average.in_place(model.params):
            return evaluate(model, corpus.splits["valid"], config.eval_streams, corpus.end)

    if not stored:
        save()
    clock, cpu_clock = Stopwatch(), Stopwatch(time.process_time)
    while state.window or not state.is_over(config):  # an epoch that was begun is always completed
        if averages.is_due(state, config):
            state.averaged_from = state.step
        batches = train_batches(corpus, config, seed, state.epoch)
        there = device_batches(batches, model.backend)
        end = end_of_epoch(len(batches), state, config)
        while state.window < end and not (state.window and state.out_of_time(config)):
            windows = next_windows(state, end, step.sync_every, next_stop(state.step, config))
            run_windows(windows, there, batches, step, state, average, config.warm_up)
            count_windows(windows, batches, step, state, corpus.end, optimizer.clip_norm)
            state.seconds += clock.lap()
            state.measured.cpu_seconds += cpu_clock.lap()
            before = state.epoch * batches.num_targets
            if measured := measure(state, config, corpus.level, before, state.window == end, validate):
                on_measured(measured)
                clock.lap()  # no part of what an epoch takes
                cpu_clock.lap()
            try:
                on_step(state)
            except Interrupted:
                save()
                raise
            if checkpoints.seconds_since_last() > config.checkpoint_every_s:
                save()

        valid_loss = validate()
        improved = state.end_epoch(valid_loss)
        record = epoch_record(
            state,
            valid_loss,
            corpus.level,
            tokens=(state.epoch - 1) * batches.num_targets + state.tokens,
            seconds=state.seconds + clock.lap(),
            cpu_seconds=state.measured.cpu_seconds + cpu_clock.lap(),
            clips=optimizer.clip_norm is not None,
        )
        if improved:
            with average.in_place(model.params):
                checkpoints.save_best(model, state)
        yield record
        state.begin_epoch(schedule.next_lr(state.lr, improved, state.epoch), record["epoch_cpu_s"])
        save()
        clock.lap()
        cpu_clock.lap()
    if state.best_epoch:
        checkpoints.load_best(model, state, average)


def train_batches(corpus: Corpus, config: TrainConfig, seed: int, epoch: int) -> Batches:
    """Return the windows of an epoch of training: sequences in the order of that epoch, a stream as it is.

    Where its windows have random lengths, these are a function of seed and epoch.
    """
    tokens, sizes = corpus.splits["train"], (config.batch_size, config.bptt)
    if corpus.end is None:
        return (
            RandomStreams(tokens, *sizes, [seed, epoch, 1]) if config.random_bptt else Streams(tokens, *sizes)
        )
    number = np.count_nonzero(tokens == corpus.end)
    order = np.random.default_rng([seed, epoch]).permutation(number) if config.shuffle else None
    return Sequences(tokens, corpus.end, *sizes, order)


def end_of_epoch(windows: int, state: TrainState, config: TrainConfig) -> int:
    """Return the number of windows after which an epoch ends: all, or fewer where max_steps comes first."""
    steps_left = (config.max_steps or math.inf) - state.step
    return int(min(windows, state.window + steps_left))


def next_windows(state: TrainState, end: int, sync_every: int, stop: int | None) -> range:
    """Return the windows to run before results are asked for.

    stop : the number of them after which the model of that step is needed, as for a text from it.
    """
    return range(state.window, min(state.window + sync_every, end))[:stop]


def run_windows(
    windows: range,
    source: Batches | DeviceBatches,
    batches: Batches,
    step: steps.TrainStep,
    state: TrainState,
    average: averages.Average,
    warm_up: Callable[[int], float],
) -> None:
    """Run each window forward and back, update the parameters, and count them in their average where it has begun.

    Parameters
    ----------
    source : the windows of `batches` as arrays that the model can read.
    warm_up : see `TrainConfig.warm_up`.
    """
    for number, k in enumerate(windows, state.step):
        if batches.starts_fresh(k):
            step.reset_state()
        inputs, targets = source.window(k)
        lr = state.lr * batches.lr_factor(k) * warm_up(number + 1)
        step.run(inputs, targets, number, lr, grad_scale=1 / batches.denominator(k))
        if state.averaged_from is not None:
            average.add(step.model.params, number + 1 - state.averaged_from)


def count_windows(
    windows: range,
    batches: Batches,
    step: steps.TrainStep,
    state: TrainState,
    end: int | None,
    clip_norm: float | None,
) -> None:
    """Add the results of windows that were run to the state of training."""
    for k, (nats, grad_norm) in zip(windows, step.results(), strict=True):
        _, targets = batches.window(k)
        state.add_window(
            nats,
            grad_norm,
            loss=nats / batches.denominator(k),
            tokens=int(np.count_nonzero(targets != IGNORE_INDEX)),
            sequences=0 if end is None else int(np.count_nonzero(targets == end)),
            clip_norm=clip_norm,
        )


def epoch_record(
    state: TrainState,
    valid_loss: float,
    level: str,
    tokens: int,
    seconds: float,
    cpu_seconds: float,
    clips: bool,
) -> dict[str, float]:
    """Return what is recorded of an epoch; see `loss_metrics` for `level`.

    Parameters
    ----------
    valid_loss : nats per token.
    tokens : that training has seen since it began.
    seconds, cpu_seconds : that training and validation took, by the clock and of all threads together.
    clips : whether the optimizer limits the norm of the gradient.
    """
    record = {
        "epoch": state.epoch,
        "updates": state.step,
        "tokens": tokens,
        **loss_metrics("train", state.nats / state.tokens, level),
        **loss_metrics("valid", valid_loss, level),
        "lr": state.lr,
        "grad_norm": state.grad_norm / state.window,
        "max_grad_norm": state.measured.max_grad_norm,
        "tokens_per_s": state.tokens / state.seconds,
        "epoch_s": seconds,
        "epoch_cpu_s": cpu_seconds,
    }
    if state.averaged_from is not None:
        record["averaged_updates"] = state.step - state.averaged_from
    if clips:
        record["clip_share"] = state.measured.clipped / state.window
    if state.sequences:  # none may have ended before max_steps
        record["train/sequence_loss"] = state.nats / state.sequences
        record["train/smooth_loss"] = state.smooth_loss
    return record


class Stopwatch:
    """Measure the seconds from one lap to the next, by the wall clock or by another."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock, self.before = clock, clock()

    def lap(self) -> float:
        """Return the seconds since this was called last, or since the beginning."""
        before, self.before = self.before, self.clock()
        return self.before - before
