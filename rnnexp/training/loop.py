"""The training loop: truncated backpropagation through time, early stopping, checkpoints."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import numpy as np

from rnnexp.data.batches import Streams
from rnnexp.data.corpus import Corpus
from rnnexp.data.device import device_batches
from rnnexp.data.sequences import Sequences
from rnnexp.errors import Diverged, Interrupted, UserError
from rnnexp.evaluation.perplexity import evaluate, loss_metrics
from rnnexp.nn.model import Model
from rnnexp.optim.base import Optimizer
from rnnexp.optim.schedules.base import Schedule
from rnnexp.records import checkpoint
from rnnexp.training.config import TrainConfig
from rnnexp.training.step import make as training_steps

log = logging.getLogger(__name__)
# The smoothed loss of Coursera's "Sequence Models": of each update's nats per sequence this share is added to
# the rest of what it was, and it starts where a model that knows nothing reads 7 symbols.
SMOOTHING, FIRST_SYMBOLS = 0.001, 7


@dataclass
class Progress:
    """Where training stands: with parameters and recurrent state, all that the next step depends on."""

    lr: float
    step: int = 0  # updates done
    epoch: int = 0  # epochs done
    window: int = 0  # windows of the current epoch done
    nats: float = 0.0  # summed over them, as are the next four
    tokens: int = 0
    sequences: int = 0
    grad_norm: float = 0.0
    seconds: float = 0.0
    smooth_loss: float = 0.0  # of sequences, see SMOOTHING
    best_loss: float = math.inf
    best_epoch: int = 0

    def over(self, settings: TrainConfig) -> bool:
        """Whether training has ended."""
        return (
            self.epoch >= settings.max_epochs
            or self.step >= (settings.max_steps or math.inf)
            or self.epoch - self.best_epoch >= (settings.patience or math.inf)
        )


class Checkpoints:
    """The two checkpoints of a run: `last.npz` to go on from, `best.npz` with the best weights so far.

    Parameters
    ----------
    folder : the run's.
    fingerprint : what the checkpoint must agree on with the run that reads it: a hash of config and data.
    exclusive : a context in which nobody else writes the run; raises where somebody else does.
    """

    def __init__(
        self, folder: Path, fingerprint: str, exclusive: Callable[[], AbstractContextManager] = nullcontext
    ):
        self.last, self.best = folder / "last.npz", folder / "best.npz"
        self.fingerprint, self.exclusive = fingerprint, exclusive

    def save_last(self, model: Model, optimizer: Optimizer, state: list[tuple], progress: Progress) -> None:
        # an update can overflow although its gradient was finite
        require_finite("sum of the parameters", float(model.params.values.sum()), progress.step)
        to_host = model.backend.to_host
        arrays = {f"state.{k}.{j}": to_host(a) for k, layer in enumerate(state) for j, a in enumerate(layer)}
        arrays |= {f"optimizer.{name}": to_host(a) for name, a in optimizer.state.items()}
        meta = {"fingerprint": self.fingerprint, "progress": asdict(progress)}
        with self.exclusive():
            checkpoint.write(self.last, model.params.on_host() | arrays, meta)

    def load_last(
        self, model: Model, optimizer: Optimizer, batch_size: int
    ) -> tuple[list[tuple], Progress] | None:
        """Set parameters and optimizer to those of the last checkpoint; None where there is none.

        Else the recurrent state, in NumPy's arrays, and where training stood.
        """
        try:
            arrays, meta = self.read(self.last)
        except FileNotFoundError:
            return None
        model.params.set(arrays)
        optimizer.state = {
            name.removeprefix("optimizer."): model.backend.to_device(a)
            for name, a in arrays.items()
            if name.startswith("optimizer.")
        }
        state = [
            tuple(arrays[f"state.{k}.{j}"] for j in range(len(layer)))
            for k, layer in enumerate(model.zero_state(batch_size))
        ]
        return state, Progress(**meta["progress"])

    def save_best(self, model: Model, progress: Progress) -> None:
        meta = {"fingerprint": self.fingerprint, "epoch": progress.epoch, "valid_loss": progress.best_loss}
        with self.exclusive():
            checkpoint.write(self.best, model.params.on_host(), meta)

    def load_best(self, model: Model, epoch: int) -> None:
        """Set the parameters to the best ones, which are those of `epoch`."""
        arrays, meta = self.read(self.best)
        if meta["epoch"] != epoch:  # the file before it served in its stead
            raise UserError(f"{self.best} is damaged: the best weights are lost, start the run anew")
        model.params.set(arrays)

    def read(self, path: Path) -> tuple[dict, dict]:
        arrays, meta = checkpoint.read(path)
        if meta["fingerprint"] != self.fingerprint:
            raise UserError(
                f"{path} is the checkpoint of another config or other data: start a new run instead"
            )
        return arrays, meta


def fit(
    model: Model,
    corpus: Corpus,
    optimizer: Optimizer,
    schedule: Schedule,
    settings: TrainConfig,
    checkpoints: Checkpoints,
    seed: int,
    on_step: Callable[[Progress], None] = lambda progress: None,
) -> Iterator[dict[str, float]]:
    """Train, and yield a record after each epoch; the end leaves the best weights in the model.

    An epoch goes through the windows of `batches`, of a stream without the tail of less than a batch.
    Training goes on from the last checkpoint where there is one. That holds everything the next step
    depends on, so a run that was cut off anywhere ends with the parameters of one that was not, to the
    bit. The checkpoint of an epoch is written after its record was taken: whoever takes it may see the
    record of the last epoch before a crash twice, but never misses one.

    Parameters
    ----------
    seed : of the dropout masks.
    on_step : called after each update, on a GPU after every few; when it raises Interrupted, a checkpoint is
        saved first.

    Raises
    ------
    Diverged when a loss or gradient is not finite; the last checkpoint stays as it was.
    """
    resumed = checkpoints.load_last(model, optimizer, settings.batch_size)
    smooth_loss = FIRST_SYMBOLS * math.log(len(corpus.vocabulary))
    state, progress = resumed or (None, Progress(optimizer.lr, smooth_loss=smooth_loss))
    steps = training_steps(model, optimizer, seed, settings.batch_size, state)
    if not resumed:
        checkpoints.save_last(model, optimizer, steps.state, progress)
    saved_at = now = time.perf_counter()
    while progress.window or not progress.over(settings):  # an epoch that was begun is always completed
        windows = batches(corpus, settings, seed, progress.epoch)
        there = device_batches(windows, model.backend)
        # the same for a window that is not full: its few tokens must not weigh more than others
        grad_scale = 1 / windows.loss_denominator
        left = (settings.max_steps or math.inf) - progress.step
        end = int(min(len(windows), progress.window + left))  # of the epoch
        while progress.window < end:
            some = range(progress.window, min(progress.window + steps.every, end))
            if settings.sample_every:  # what is sampled is the model of that step
                some = some[: settings.sample_every - progress.step % settings.sample_every]
            for k, step in zip(some, count(progress.step)):
                if windows.starts_fresh(k):
                    steps.forget()
                inputs, targets = there.window(k)
                steps.take(inputs, targets, step, progress.lr, grad_scale)
            for k, (nats, norm) in zip(some, steps.results(), strict=True):
                require_finite("loss", nats, progress.step + 1)
                require_finite("gradient norm", norm, progress.step + 1)
                _, targets = windows.window(k)
                progress.step += 1
                progress.window += 1
                progress.nats += nats
                progress.smooth_loss += SMOOTHING * (nats / windows.loss_denominator - progress.smooth_loss)
                progress.tokens += int(np.count_nonzero(targets >= 0))
                if corpus.end is not None:
                    progress.sequences += int(np.count_nonzero(targets == corpus.end))
                progress.grad_norm += norm
            before, now = now, time.perf_counter()
            progress.seconds += now - before
            try:
                on_step(progress)
            except Interrupted:
                checkpoints.save_last(model, optimizer, steps.state, progress)
                raise
            if now - saved_at > settings.checkpoint_every_s:
                checkpoints.save_last(model, optimizer, steps.state, progress)
                saved_at = now

        valid_loss = evaluate(model, corpus.splits["valid"], settings.eval_streams, corpus.end)
        require_finite("validation loss", valid_loss, progress.step)
        before, now = now, time.perf_counter()
        progress.epoch += 1
        record = {
            "epoch": progress.epoch,
            "step": progress.step,
            **loss_metrics("train", progress.nats / progress.tokens, corpus.level),
            **loss_metrics("valid", valid_loss, corpus.level),
            "lr": progress.lr,
            "grad_norm": progress.grad_norm / progress.window,
            "tokens_per_s": progress.tokens / progress.seconds,
            "epoch_s": progress.seconds + now - before,
        }
        if progress.sequences:  # none may have ended before max_steps
            record["train/sequence_loss"] = progress.nats / progress.sequences
            record["train/smooth_loss"] = progress.smooth_loss
        improved = valid_loss < progress.best_loss
        if improved:
            progress.best_loss, progress.best_epoch = valid_loss, progress.epoch
            checkpoints.save_best(model, progress)
        yield record
        progress.lr = schedule.next_lr(progress.lr, improved)
        progress.window = progress.tokens = progress.sequences = 0
        progress.nats = progress.grad_norm = progress.seconds = 0.0
        checkpoints.save_last(model, optimizer, steps.state, progress)
        saved_at = now = time.perf_counter()
    if progress.best_epoch:
        checkpoints.load_best(model, progress.best_epoch)


def batches(corpus: Corpus, settings: TrainConfig, seed: int, epoch: int) -> Streams | Sequences:
    """The windows of an epoch of training."""
    tokens, sizes = corpus.splits["train"], (settings.batch_size, settings.bptt)
    if corpus.end is None:
        return Streams(tokens, *sizes)
    number = np.count_nonzero(tokens == corpus.end)
    order = np.random.default_rng([seed, epoch]).permutation(number) if settings.shuffle else None
    return Sequences(tokens, corpus.end, *sizes, order)


def require_finite(what: str, value: float, step: int) -> None:
    if not math.isfinite(value):
        raise Diverged(f"the {what} became {value} at step {step}; lower optimizer.lr or optimizer.clip_norm")
