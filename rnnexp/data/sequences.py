"""Independent sequences in batches, each from nothing to its end symbol: what names and sentences are."""

from collections.abc import Iterator

import numpy as np


class Sequences:
    """Predict each symbol of a sequence from the ones before it, the first from nothing.

    A sequence of n symbols and its end makes n + 1 targets; its inputs are the targets one step later,
    with -1, nothing, as the first. A batch takes the next B sequences, as long as the longest of them:
    behind a shorter one stand inputs and targets of -1, which count nowhere, and behind the last sequence
    columns of them. A batch of more than `bptt` steps is cut into windows that pass on their state.

    Parameters
    ----------
    tokens : (N,), sequences one after the other, each with `end` as its last token.
    order : (number of sequences,) their order; None: that of `tokens`.

    Attributes
    ----------
    loss_denominator : sequences of a batch; the gradient is that of the summed loss divided by this.
    """

    def __init__(self, tokens, end: int, batch_size: int, bptt: int, order=None):
        self.tokens, self.bptt, self.loss_denominator = tokens, bptt, batch_size
        self.stops = np.flatnonzero(tokens == end) + 1
        self.starts = np.concatenate([[0], self.stops[:-1]])
        self.order = np.arange(len(self.stops)) if order is None else order
        lengths = (self.stops - self.starts)[self.order]
        longest = np.maximum.reduceat(lengths, np.arange(0, len(lengths), batch_size))
        # (batch, first step) of every window
        self.windows = [(k, t) for k, steps in enumerate(longest) for t in range(0, steps, bptt)]

    def __len__(self) -> int:
        """The number of windows."""
        return len(self.windows)

    def starts_fresh(self, k: int) -> bool:
        """Whether window k is the first of its batch, before which there is no state."""
        return self.windows[k][1] == 0

    def window(self, k: int):
        """Inputs and targets (T, B) of window k."""
        batch, t = self.windows[k]
        some = self.order[batch * self.loss_denominator : (batch + 1) * self.loss_denominator]
        steps = min(self.bptt, (self.stops - self.starts)[some].max() - t)
        inputs, targets = np.full((2, steps, self.loss_denominator), -1, self.tokens.dtype)
        for b, (start, stop) in enumerate(zip(self.starts[some] + t, self.stops[some])):
            if start < stop:
                part = self.tokens[start : min(start + steps, stop)]
                targets[: len(part), b] = part
                first = 1 if t == 0 else 0
                inputs[first : len(part), b] = self.tokens[start + first - 1 : start + len(part) - 1]
        return inputs, targets

    def __iter__(self) -> Iterator:
        return (self.window(k) for k in range(len(self)))
