"""Keep the two checkpoints of a run."""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.compute.parameters import require_array
from rnnexp.errors import UserError
from rnnexp.nn.model import Model
from rnnexp.optim.base import Optimizer
from rnnexp.records import checkpoint
from rnnexp.training.average import Average
from rnnexp.training.state import Measured, TrainState, require_finite


class Checkpoints:
    """Keep `last.npz`, from which training goes on, and `best.npz`, the best weights so far.

    Parameters
    ----------
    folder : the folder of the run.
    fingerprint : a hash of config and data, which must be the same in a checkpoint and the run that reads it.
    exclusive : makes a context in which no other process writes the run; raises where another has taken it over.
    kept : what `last.npz` keeps besides, for JSON: other files of the folder can be made anew from it.
    """

    def __init__(
        self,
        folder: Path,
        fingerprint: str,
        exclusive: Callable[[], AbstractContextManager] = nullcontext,
        kept: dict[str, Any] | None = None,
    ):
        self.last, self.best = folder / "last.npz", folder / "best.npz"
        self.fingerprint, self.exclusive, self.kept = fingerprint, exclusive, kept or {}
        self.saved_at = time.perf_counter()

    def seconds_since_last(self) -> float:
        """Return the seconds since the last checkpoint was written, or since this object was made."""
        return time.perf_counter() - self.saved_at

    def save_last(
        self,
        model: Model,
        optimizer: Optimizer,
        recurrent: list[tuple],
        state: TrainState,
        average: Average | None = None,
    ) -> None:
        """Write a checkpoint of all that the next step depends on.

        Parameters
        ----------
        recurrent : the state of the model, per layer its arrays (B, H).
        average : of the parameters; None: there is none.

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
        if average and average.array is not None:
            arrays["average"] = to_host(average.array)
        progress = asdict(state)
        measured = progress.pop("measured")
        meta = {"fingerprint": self.fingerprint, "progress": progress, "measured": measured}
        meta["kept"] = self.kept
        with self.exclusive():
            checkpoint.write(self.last, model.params.on_host() | arrays, meta)
        self.saved_at = time.perf_counter()

    def load_last(
        self, model: Model, optimizer: Optimizer, batch_size: int, average: Average | None = None
    ) -> tuple[list[tuple], TrainState] | None:
        """Set parameters, optimizer and the average of the parameters to those of the last checkpoint.

        Returns
        -------
        the recurrent state, per layer its NumPy arrays (B, H), and the state of training; None where there
        is no checkpoint.

        Raises
        ------
        UserError where the checkpoint is damaged, another run's, or lacks something; nothing is set then.
        """
        try:
            arrays, meta = self.read(self.last)
        except FileNotFoundError:
            return None
        origin = str(self.last)
        recurrent = [
            tuple(
                found(arrays, f"state.{k}.{j}", array.shape, array.dtype, origin)
                for j, array in enumerate(layer)
            )
            for k, layer in enumerate(model.zero_state(batch_size))
        ]
        size, dtype = model.params.values.shape, model.params.values.dtype
        remembered: dict[str, Any] = {"step": ((1,), np.float64)} | dict.fromkeys(
            optimizer.first_values, (size, dtype)
        )
        saved = {  # an older checkpoint may lack some
            name: found(arrays, f"optimizer.{name}", shape, kind, origin)
            for name, (shape, kind) in remembered.items()
            if f"optimizer.{name}" in arrays
        }
        try:
            state = TrainState(**meta["progress"], measured=Measured(**meta.get("measured", {})))
        except (KeyError, TypeError) as error:
            raise UserError(
                f"{origin} does not say how far training was ({error}): rerun=true makes a new run"
            ) from error
        mean = None
        if state.averaged_from is not None and state.step > state.averaged_from:
            mean = model.backend.to_device(found(arrays, "average", size, dtype, origin))
        model.params.set(arrays, origin)
        if average:
            average.array = mean
        optimizer.state = {name: model.backend.to_device(a) for name, a in saved.items()}
        return recurrent, state

    def save_best(self, model: Model, state: TrainState) -> None:
        """Write the parameters of the epoch that has just become the best."""
        meta = {"fingerprint": self.fingerprint, "epoch": state.epoch, "valid_loss": state.best_loss}
        with self.exclusive():
            checkpoint.write(self.best, model.params.on_host(), meta)

    def load_best(self, model: Model, state: TrainState, average: Average) -> None:
        """Set the parameters to those of the best epoch; where the model has them and the file has not, mend that.

        average : of the parameters, which stands for them where there is one.
        """
        try:
            arrays, meta = self.read(self.best)
        except (FileNotFoundError, UserError):
            arrays, meta = {}, {}
        if meta.get("epoch") == state.best_epoch:
            model.params.set(arrays, str(self.best))
        elif state.best_epoch == state.epoch:  # as they were trained, just before
            with average.in_place(model.params):
                self.save_best(model, state)
                best = model.params.values.copy()
            model.params.values[...] = best
        else:  # `read` may have returned the file before it
            raise UserError(
                f"{self.best} is damaged or gone, and with it the best weights: rerun=true makes a new run"
            )

    def load_trained(self, model: Model, optimizer: Optimizer, batch_size: int) -> None:
        """Set the parameters to those with which training ended: the best, or the first where no epoch was done."""
        average = Average()
        if not (stored := self.load_last(model, optimizer, batch_size, average)):
            raise UserError(f"{self.last} does not exist")
        if stored[1].best_epoch:
            self.load_best(model, stored[1], average)

    def best_so_far(self) -> tuple[int, float]:
        """Return the epoch with the best validation loss, 0 before the first, and that loss, of the last checkpoint."""
        progress = self.progress()
        return progress.get("best_epoch", 0), progress.get("best_loss", math.inf)

    def step(self) -> int:
        """Return the number of updates that the last checkpoint has; 0 where there is none."""
        return self.progress().get("step", 0)

    def progress(self) -> dict[str, Any]:
        """Return where training was at the last checkpoint; empty where there is none."""
        return (checkpoint.read_meta(self.last) or {}).get("progress", {})

    def read(self, path: Path) -> tuple[dict, dict]:
        """Return arrays and dictionary of a checkpoint; UserError where it is another run's."""
        arrays, meta = checkpoint.read(path)
        if meta.get("fingerprint") != self.fingerprint:
            raise UserError(
                f"{path} is the checkpoint of another config or other data: start a new run instead"
            )
        return arrays, meta


def found(arrays: dict, name: str, shape: tuple[int, ...], dtype, origin: str) -> np.ndarray:
    """Return the named array of a checkpoint; UserError where it is missing or not as this."""
    if name not in arrays:
        raise UserError(f"{origin} lacks {name} of shape {shape}")
    return require_array(arrays[name], shape, dtype, f"{origin}: {name}")
