"""A long token sequence as B parallel streams, cut into windows: the batches of truncated BPTT."""

from collections.abc import Iterator

import numpy as np


class Streams:
    """Predict each token from the one before, B streams at a time.

    The N tokens hold N - 1 targets. Stream b takes the b-th of B equal runs of them, a window takes the
    next `bptt` steps of every stream (the last window what is left), so each target of a run stands in
    exactly one window and the state after a window is the state before the next. The up to B - 1
    targets behind the last run are `tail`.

    Attributes
    ----------
    loss_denominator : targets of a full window; the gradient is that of the summed loss divided by this.
    tail : inputs and targets, each (R, 1) with R < B, that go on where the last stream ends.
    """

    def __init__(self, tokens, batch_size: int, bptt: int):
        self.bptt, self.loss_denominator = bptt, batch_size * bptt
        length = (len(tokens) - 1) // batch_size
        inputs, targets = tokens[:-1], tokens[1:]
        end = batch_size * length
        self.inputs, self.targets = (
            np.ascontiguousarray(part[:end].reshape(batch_size, length).T) for part in (inputs, targets)
        )
        self.tail = inputs[end:, None], targets[end:, None]

    def __len__(self) -> int:
        """The number of windows."""
        return -(-len(self.inputs) // self.bptt)

    def starts_fresh(self, k: int) -> bool:
        """Whether window k is the first, before which there is no state."""
        return k == 0

    def window(self, k: int):
        """Inputs and targets (T, B) of window k."""
        steps = slice(k * self.bptt, (k + 1) * self.bptt)
        return self.inputs[steps], self.targets[steps]

    def __iter__(self) -> Iterator:
        return (self.window(k) for k in range(len(self)))
