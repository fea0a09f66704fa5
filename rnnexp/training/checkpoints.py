"""Keep the two checkpoints of a run."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path

from rnnexp.errors import UserError
from rnnexp.nn.model import Model
from rnnexp.optim.base import Optimizer
from rnnexp.records import checkpoint
from rnnexp.training.state import Measured, TrainState, require_finite


class Checkpoints:
    """Keep `last.npz`, from which training goes on, and `best.npz`, the best weights so far.

    Parameters
    ----------
    folder : the folder of the run.
    fingerprint : a hash of config and data, which must be the same in a checkpoint and the run that reads it.
    exclusive : makes a context in which no other process writes the run; raises where another has taken it over.
    """

    def __init__(
        self, folder: Path, fingerprint: str, exclusive: Callable[[], AbstractContextManager] = nullcontext
    ):
        self.last, self.best = folder / "last.npz", folder / "best.npz"
        self.fingerprint, self.exclusive = fingerprint, exclusive
        self.saved_at = time.perf_counter()

    def seconds_since_last(self) -> float:
        """Return the seconds since the last checkpoint was written, or since this object was made."""
        return time.perf_counter() - self.saved_at

    def save_last(
        self, model: Model, optimizer: Optimizer, recurrent: list[tuple], state: TrainState
    ) -> None:
        """Write a checkpoint of all that the next step depends on.

        Parameters
        ----------
        recurrent : the state of the model, per layer its arrays (B, H).

        Raises
        ------
        Diverged where a parameter is not finite.
        """
        # an update can overflow although its gradient was finite
        require_finite("sum of the parameters", float(model.params.values.sum()), state.step)
        to_host = model.backend.to_host
        arrays = {
            f"state.{k}.{j}": to_host(a) for k, layer in enumerate(recurrent) for j, a in enumerate(layer)
        }
        arrays |= {f"optimizer.{name}": to_host(a) for name, a in optimizer.state.items()}
        progress = asdict(state)
        measured = progress.pop("measured")
        meta = {"fingerprint": self.fingerprint, "progress": progress, "measured": measured}
        with self.exclusive():
            checkpoint.write(self.last, model.params.on_host() | arrays, meta)
        self.saved_at = time.perf_counter()

    def load_last(
        self, model: Model, optimizer: Optimizer, batch_size: int
    ) -> tuple[list[tuple], TrainState] | None:
        """Set parameters and optimizer to those of the last checkpoint.

        Returns
        -------
        the recurrent state, per layer its NumPy arrays (B, H), and the state of training; None where there
        is no checkpoint.
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
        recurrent = [
            tuple(arrays[f"state.{k}.{j}"] for j in range(len(layer)))
            for k, layer in enumerate(model.zero_state(batch_size))
        ]
        return recurrent, TrainState(**meta["progress"], measured=Measured(**meta.get("measured", {})))

    def save_best(self, model: Model, state: TrainState) -> None:
        """Write the parameters of the epoch that has just become the best."""
        meta = {"fingerprint": self.fingerprint, "epoch": state.epoch, "valid_loss": state.best_loss}
        with self.exclusive():
            checkpoint.write(self.best, model.params.on_host(), meta)

    def load_best(self, model: Model, epoch: int) -> None:
        """Set the parameters to the best ones, which must be those of `epoch`."""
        arrays, meta = self.read(self.best)
        if meta["epoch"] != epoch:  # `read` has returned the file before it, because it is damaged
            raise UserError(f"{self.best} is damaged: the best weights are lost, start the run anew")
        model.params.set(arrays)

    def read(self, path: Path) -> tuple[dict, dict]:
        """Return arrays and dictionary of a checkpoint; UserError where it is another run's."""
        arrays, meta = checkpoint.read(path)
        if meta["fingerprint"] != self.fingerprint:
            raise UserError(
                f"{path} is the checkpoint of another config or other data: start a new run instead"
            )
        return arrays, meta
