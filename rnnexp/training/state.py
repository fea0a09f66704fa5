"""Hold the state of training, and say when training has ended."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rnnexp.errors import Diverged
from rnnexp.evaluation.perplexity import perplexity
from rnnexp.training.config import TrainConfig

# The smoothed loss of Coursera's "Sequence Models" becomes (1 - SMOOTHING) times itself plus SMOOTHING times the
# nats per sequence of each update. It starts at the loss of a model that knows nothing on 7 symbols.
SMOOTHING, FIRST_SYMBOLS = 0.001, 7


@dataclass
class Measured:
    """Hold what is measured of an epoch; see `epoch_record`. Of it, only max_seconds depends on cpu_seconds.

    Checkpoints keep it apart, for those of earlier versions have none.
    """

    clipped: int = 0  # updates of the epoch whose gradient was longer than clip_norm
    max_grad_norm: float = 0.0
    cpu_seconds: float = 0.0  # of the epoch so far, of all threads of the process
    logged_nats: float = 0.0  # of the epoch's nats and tokens, those that train.log_every has told
    logged_tokens: int = 0


@dataclass
class TrainState:
    """Hold all that the next step depends on besides parameters, optimizer and recurrent state.

    Checkpoints keep these fields, under these names.
    """

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
    cpu_seconds: float = 0.0  # of the epochs done, their validation included
    valid_losses: list[float] = field(default_factory=list)  # of the epochs done
    # updates done before the first whose weights are averaged; None: none are
    averaged_from: int | None = None
    measured: Measured = field(default_factory=Measured)

    @classmethod
    def at_start(cls, lr: float, vocab_size: int) -> "TrainState":
        """Return the state before the first step."""
        return cls(lr, smooth_loss=FIRST_SYMBOLS * math.log(vocab_size))

    def is_over(self, config: TrainConfig) -> bool:
        """Return whether training has ended."""
        return (
            self.epoch >= config.max_epochs
            or self.step >= (config.max_steps or math.inf)
            or self.out_of_time(config)
            or self.epoch - self.best_epoch >= (config.patience or math.inf)
        )

    def out_of_time(self, config: TrainConfig) -> bool:
        """Return whether training has taken max_seconds."""
        return self.cpu_seconds + self.measured.cpu_seconds >= (config.max_seconds or math.inf)

    def add_window(
        self,
        nats: float,
        grad_norm: float,
        loss: float,
        tokens: int,
        sequences: int,
        clip_norm: float | None = None,
    ) -> None:
        """Count an update.

        Parameters
        ----------
        nats, grad_norm : of its window, the summed loss and the norm of the gradient.
        loss : of which that was the gradient, `nats` divided by the `denominator` of the batches.
        tokens, sequences : how many targets its window has, and how many of them end a sequence.
        clip_norm : the optimizer's limit of that norm.

        Raises
        ------
        Diverged where the loss or the gradient is not finite.
        """
        require_finite("loss", nats, self.step + 1)
        require_finite("gradient norm", grad_norm, self.step + 1)
        self.step += 1
        self.window += 1
        self.nats += nats
        self.smooth_loss += SMOOTHING * (loss - self.smooth_loss)
        self.tokens += tokens
        self.sequences += sequences
        self.grad_norm += grad_norm
        if clip_norm is not None and grad_norm > clip_norm:
            self.measured.clipped += 1
        self.measured.max_grad_norm = max(self.measured.max_grad_norm, grad_norm)

    def end_epoch(self, valid_loss: float) -> bool:
        """Count an epoch; return whether its validation loss, in nats per token, is better than every earlier one.

        Raises
        ------
        Diverged where that loss is not finite.
        """
        require_finite("validation loss", valid_loss, self.step)
        self.epoch += 1
        self.valid_losses.append(valid_loss)
        improved = valid_loss < self.best_loss
        if improved:
            self.best_loss, self.best_epoch = valid_loss, self.epoch
        return improved

    def begin_epoch(self, lr: float, cpu_seconds: float = 0.0) -> None:
        """Set what is summed over an epoch to zero, and the learning rate.

        cpu_seconds : that the epoch before took, with its validation.
        """
        self.lr = lr
        self.cpu_seconds += cpu_seconds
        self.window = self.tokens = self.sequences = 0
        self.nats = self.grad_norm = self.seconds = 0.0
        self.measured = Measured()


def divergence(records: Sequence[Mapping[str, float]], vocab_size: int) -> str:
    """Return how training that has ended only did harm, although every number of it was finite; "" where it did not.

    Its best epoch is then no better than equal odds for every symbol, or its last is worse than its first. The second
    is no harm where the run overfits, its last loss still below equal odds: the training text has become more probable
    than the validation text ever was.

    Parameters
    ----------
    records : of the epochs, with `train/loss` and `valid/loss` in nats per token.
    """
    if not records:
        return ""
    losses = [record["valid/loss"] for record in records]
    first, best, last = losses[0], min(losses), losses[-1]
    equal_odds = math.log(vocab_size)
    if best >= equal_odds:
        return f"valid ppl {perplexity(best):.4g} at best, and equal odds for all symbols give {vocab_size:,}"
    if last > first and (last >= equal_odds or records[-1]["train/loss"] >= best):
        return (
            f"valid ppl {perplexity(first):.4g} after the first epoch, {perplexity(last):.4g} after the last"
        )
    return ""


def require_finite(what: str, value: float, step: int) -> None:
    """Raise Diverged where a value is infinite or NaN."""
    if not math.isfinite(value):
        raise Diverged(f"the {what} became {value} at step {step}")
