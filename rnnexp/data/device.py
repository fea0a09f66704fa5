"""Bring the windows of a text to a GPU all at once, so that no step waits for its tokens."""

from collections.abc import Callable

import numpy as np

from rnnexp.compute.cuda.graph import CapturedFunction
from rnnexp.compute.ops import Ops
from rnnexp.data.batches import Batches


class DeviceBatches:
    """Offer the windows of a source of batches as arrays of a device."""

    def __init__(self, batches: Batches, device: Ops):
        pairs = list(batches)
        self.stops = np.cumsum([len(inputs) for inputs, _ in pairs]).tolist()
        self.inputs, self.targets = (
            device.to_device(np.concatenate(part).astype(np.int32)) for part in zip(*pairs)
        )

    def window(self, k: int):
        """Return inputs and targets (T, B) of window k."""
        steps = slice(self.stops[k - 1] if k else 0, self.stops[k])
        return self.inputs[steps], self.targets[steps]


def device_batches(batches: Batches, device: Ops) -> Batches | DeviceBatches:
    """Return a source of the same windows where the device can read them."""
    return DeviceBatches(batches, device) if device.asynchronous else batches


class CapturedWindow(CapturedFunction):
    """Run function(inputs, targets) on windows of one shape (T, B), copied to fixed places for a CUDA graph."""

    def __init__(self, function: Callable, shape: tuple[int, int], device: Ops):
        self.inputs, self.targets = (device.empty(shape, np.int32) for _ in range(2))
        super().__init__(lambda: function(self.inputs, self.targets), device)

    def read(self, inputs, targets) -> None:
        """Run the function on inputs and targets (T, B)."""
        self.inputs[...], self.targets[...] = inputs, targets
        self()
