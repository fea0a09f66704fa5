"""Train the model of a run and test it once, recording each epoch as it ends."""

import logging
from collections.abc import Callable
from contextlib import closing
from typing import Any

from rnnexp.evaluation.perplexity import perplexity
from rnnexp.experiment import artifacts, build, divergence, progress
from rnnexp.experiment.results import done_at, final_metrics, score_test
from rnnexp.experiment.text_metrics import seen_metrics
from rnnexp.records import step_records
from rnnexp.records.folder import RunFolder
from rnnexp.records.lease import now
from rnnexp.tracking.client import Client
from rnnexp.training.average import earliest
from rnnexp.training.checkpoints import Checkpoints
from rnnexp.training.loop import fit, train_batches
from rnnexp.training.state import TrainState

log = logging.getLogger(__name__)


def train_and_test(
    experiment: build.Experiment, folder: RunFolder, teller: Client, raise_if_asked: Callable, show: bool
) -> dict[str, float]:
    """Train, recording each epoch, and test the best weights; return the final metrics."""
    corpus, settings, label = experiment.corpus, experiment.settings, experiment.label
    kept = folder.to_keep()
    checkpoints = Checkpoints(folder.path, experiment.fingerprint, folder.exclusive, kept)
    records = kept["records"]  # to which each epoch is added
    done = checkpoints.step()  # which may be within an epoch
    steps = len(train_batches(corpus, settings, experiment.seed, epoch=0)) * settings.max_epochs
    steps = min(steps, settings.max_steps or steps)
    introduce(experiment, steps)
    if done:
        log.info(f"{label}: goes on after {done} of {steps} updates, from its last checkpoint")
    with closing(progress.for_run(label, done, steps, show)) as display:
        step_records.drop_after(folder, done)
        train(experiment, folder, checkpoints, records, display, teller, raise_if_asked)
        raise_if_asked()  # the checkpoint of the last epoch has all
        scores, test_nats = score_test(experiment)
        if test_nats is not None:
            folder.save_test_nats(test_nats, corpus)
        metrics = final_metrics(experiment, records, scores, checkpoints.best_so_far())
        metrics |= seen_metrics(experiment.model, corpus, settings.eval_streams, test_nats)
    reachable = f" (best reachable {metrics['oracle/ppl']:.4g})" if "oracle/ppl" in metrics else ""
    asked = "".join(
        f", {name.removesuffix('_loss')} {perplexity(loss):.4g}"
        for name, loss in scores.items()
        if name.endswith("_loss")
    )
    log.info(f"{label}: {progress.in_words(metrics)}{asked}{reachable}; run folder {folder}")
    divergence.note(folder, label, records, len(corpus.vocabulary), experiment.optimizer)
    return metrics


def introduce(experiment: build.Experiment, steps: int) -> None:
    """Log the sizes of model and text, what will not come about, and what makes training slower than it could be.

    steps : the updates that training takes.
    """
    model, corpus, settings = experiment.model, experiment.corpus, experiment.settings
    sizes = dict.fromkeys(cell.hidden_size for cell in model.cells)
    parts = model.num_params()
    log.info(
        f"{experiment.label}: {', '.join(map(str, sizes))} hidden units, {sum(parts.values()):,} parameters "
        f"({', '.join(f'{name} {count:,}' for name, count in parts.items())}), "
        f"{len(corpus.splits['train']):,} tokens to train on, {len(corpus.vocabulary):,} symbols"
    )
    begins, last = earliest(settings), settings.max_epochs
    if begins and begins > last > 0:
        log.info(
            f"{experiment.label}: no weights are averaged: that begins with epoch {begins} at the earliest, of {last}"
        )
    if settings.warmup_steps > steps > 0:
        log.info(
            f"{experiment.label}: the learning rate does not reach its value: it rises over "
            f"train.warmup_steps={settings.warmup_steps}, and there are {steps} updates"
        )
    for reason in model.not_compiled():
        log.info(f"{experiment.label}: training takes NumPy's steps, which are slower: {reason}")


def train(
    experiment: build.Experiment,
    folder: RunFolder,
    checkpoints: Checkpoints,
    records: list[dict[str, Any]],
    display: progress.RunBar | progress.JobReport | progress.Hidden,
    teller: Client,
    raise_if_asked: Callable,
) -> None:
    """Train what is left, adding the record of each epoch to `records` and the folder; the best weights stay."""
    settings = experiment.settings

    def on_step(state: TrainState) -> None:
        display.step(state.step)
        if settings.sample_every and state.step % settings.sample_every == 0:
            loss = ""
            if state.sequences:
                mean = state.nats / state.sequences
                loss = f", loss {mean:.2f} a sequence this epoch, smoothed {state.smooth_loss:.2f}"
            artifacts.write_samples(experiment, folder, f"step {state.step}{loss}")
        raise_if_asked()

    def on_measured(record: dict[str, float]) -> None:
        step_records.append(folder, record | {"time": now()})
        display.measured(record)

    for record in fit(
        experiment.model,
        experiment.corpus,
        experiment.optimizer,
        experiment.schedule,
        settings,
        checkpoints,
        experiment.seed,
        on_step,
        on_measured,
    ):
        if record["epoch"] <= len(records):  # taken just before a crash
            continue
        record["time"] = now()
        folder.append(record)
        records.append(record)
        teller.changed(folder.path)
        display.describe(f"epoch {record['epoch']}, valid ppl {record['valid/ppl']:.4g}")
        log.info(
            f"epoch {record['epoch']:2}/{settings.max_epochs}  train ppl {record['train/ppl']:8.3f}  "
            f"valid ppl {record['valid/ppl']:8.3f}  lr {record['lr']:<8.4g} "
            f"{record['tokens_per_s']:,.0f} tokens/s  {record['epoch_s']:.1f} s"
        )
    spent = sum(record.get("epoch_cpu_s", 0) for record in records)
    if settings.max_seconds and spent >= settings.max_seconds:
        stop = f"train.max_seconds={settings.max_seconds:g} at step {done_at(records)}"
        log.info(f"{experiment.label}: stopped by {stop}")
    if settings.patience and len(records) < settings.max_epochs:
        best, _ = checkpoints.best_so_far()
        if len(records) - best >= settings.patience:
            stop = f"train.patience={settings.patience}: none was better since epoch {best}"
            log.info(f"{experiment.label}: stopped by {stop}")
