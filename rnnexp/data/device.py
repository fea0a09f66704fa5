"""The windows of a text on a GPU: brought there all at once, so that no step waits for its tokens."""

from collections.abc import Callable

import numpy as np

from rnnexp.compute.cuda.graph import CapturedFunction
from rnnexp.compute.ops import Ops
from rnnexp.data.batches import Streams
from rnnexp.data.sequences import Sequences


class DeviceBatches:
    """Has the `window` of the windows it is given, by arrays of a device."""

    def __init__(self, windows: Streams | Sequences, device: Ops):
        pairs = list(windows)
        self.stops = np.cumsum([len(inputs) for inputs, _ in pairs]).tolist()
        self.inputs, self.targets = (
            device.to_device(np.concatenate(part).astype(np.int32)) for part in zip(*pairs)
        )

    def window(self, k: int):
        """Inputs and targets (T, B) of window k."""
        steps = slice(self.stops[k - 1] if k else 0, self.stops[k])
        return self.inputs[steps], self.targets[steps]


def device_batches(windows: Streams | Sequences, device: Ops) -> Streams | Sequences | DeviceBatches:
    """The windows where the device can read them."""
    return DeviceBatches(windows, device) if device.asynchronous else windows


class CapturedWindow(CapturedFunction):
    """`CapturedFunction`, of function(inputs, targets) on windows of one shape (T, B), at fixed places."""

    def __init__(self, function: Callable, shape: tuple[int, int], device: Ops):
        self.inputs, self.targets = (device.empty(shape, np.int32) for _ in range(2))
        super().__init__(lambda: function(self.inputs, self.targets), device)

    def read(self, inputs, targets) -> None:
        """Do it with these tokens."""
        self.inputs[...], self.targets[...] = inputs, targets
        self()
