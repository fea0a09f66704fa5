"""Hold the state of training, and say when training has ended."""

import math
from dataclasses import dataclass

from rnnexp.errors import Diverged
from rnnexp.training.config import TrainConfig

# The smoothed loss of Coursera's "Sequence Models" becomes (1 - SMOOTHING) times itself plus SMOOTHING times the
# nats per sequence of each update. It starts at the loss of a model that knows nothing on 7 symbols.
SMOOTHING, FIRST_SYMBOLS = 0.001, 7


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

    @classmethod
    def at_start(cls, lr: float, vocab_size: int) -> "TrainState":
        """Return the state before the first step."""
        return cls(lr, smooth_loss=FIRST_SYMBOLS * math.log(vocab_size))

    def is_over(self, config: TrainConfig) -> bool:
        """Return whether training has ended."""
        return (
            self.epoch >= config.max_epochs
            or self.step >= (config.max_steps or math.inf)
            or self.epoch - self.best_epoch >= (config.patience or math.inf)
        )

    def add_window(self, nats: float, grad_norm: float, loss: float, tokens: int, sequences: int) -> None:
        """Count an update.

        Parameters
        ----------
        nats, grad_norm : the summed loss of its window, and the norm of the gradient before clipping.
        loss : the loss that has that gradient, `nats` divided by the `loss_denominator` of the batches.
        tokens, sequences : the number of targets of its window, and of those that end a sequence.

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

    def end_epoch(self, valid_loss: float) -> bool:
        """Count an epoch; return whether its validation loss, in nats per token, is better than every earlier one.

        Raises
        ------
        Diverged where that loss is not finite.
        """
        require_finite("validation loss", valid_loss, self.step)
        self.epoch += 1
        improved = valid_loss < self.best_loss
        if improved:
            self.best_loss, self.best_epoch = valid_loss, self.epoch
        return improved

    def begin_epoch(self, lr: float) -> None:
        """Set what is summed over an epoch to zero, and the learning rate."""
        self.lr = lr
        self.window = self.tokens = self.sequences = 0
        self.nats = self.grad_norm = self.seconds = 0.0


def require_finite(what: str, value: float, step: int) -> None:
    """Raise Diverged where a value is infinite or NaN."""
    if not math.isfinite(value):
        raise Diverged(f"the {what} became {value} at step {step}; lower optimizer.lr or optimizer.clip_norm")
