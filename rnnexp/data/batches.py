"""Cut a text into the windows of truncated backpropagation through time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from rnnexp.nn.tokens import BOS_INPUT, IGNORE_INDEX

# Random lengths of windows, as salesforce/awd-lstm-lm draws them; the most is four standard deviations above.
SHARE_OF_FULL, LENGTH_STD, LEAST_LENGTH, MOST_ABOVE = 0.95, 5, 5, 20


class Batches(ABC):
    """Offer a text as windows: the contract of a source of batches, for training and evaluation.

    A window is a pair of arrays (T, B), inputs and the targets that follow them: T steps of B rows. Windows
    are read in the order of their numbers. Row b of a window goes on where row b of the window before has
    ended, so that the recurrent state is carried over, unless the window starts fresh.

    Attributes
    ----------
    loss_denominator : see `denominator`.
    num_targets : of all windows.
    """

    loss_denominator: int
    num_targets: int

    def denominator(self, k: int) -> int:
        """Return the number that divides the summed loss of window k, before its gradient is taken.

        A window that is not full has that of a full one: its few tokens must not weigh more than others.
        """
        return self.loss_denominator

    def lr_factor(self, k: int) -> float:
        """Return by what the learning rate of window k is multiplied."""
        return 1.0

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of windows."""

    @abstractmethod
    def starts_fresh(self, k: int) -> bool:
        """Return whether window k is to be read from a state of zeros."""

    @abstractmethod
    def window(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets (T, B) of window k; BOS_INPUT and IGNORE_INDEX stand for no token."""

    @abstractmethod
    def positions(self, k: int) -> np.ndarray:
        """Return where in the text each target of window k stands: (T, B), IGNORE_INDEX for no token."""

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return (self.window(k) for k in range(len(self)))


class Streams(Batches):
    """Predict each token of one long text from the one before, at B places of it side by side.

    The N tokens hold N - 1 targets. Row b takes the b-th of B equal runs of them, a window takes the
    next `bptt` steps of every row (the last window what is left), so each target of a run stands in
    exactly one window and the state after a window is the state before the next. The up to B - 1
    targets behind the last run are `tail`.

    Attributes
    ----------
    loss_denominator : targets of a full window.
    tail : inputs and targets, each (R, 1) with R < B, that go on where the last row ends: the end of the
        text.
    """

    def __init__(self, tokens, batch_size: int, bptt: int):
        self.loss_denominator = batch_size * bptt
        length = (len(tokens) - 1) // batch_size
        self.cuts = self.cut(length, bptt)  # where windows begin, and where the last one ends
        inputs, targets = tokens[:-1], tokens[1:]
        end = batch_size * length
        self.inputs, self.targets = (
            np.ascontiguousarray(part[:end].reshape(batch_size, length).T) for part in (inputs, targets)
        )
        self.tail = inputs[end:, None], targets[end:, None]
        self.num_targets = end

    def cut(self, length: int, bptt: int) -> list[int]:
        """Return the steps, of `length`, at which a window begins, and `length`."""
        return [*range(0, length, bptt), length]

    def __len__(self) -> int:
        return len(self.cuts) - 1

    def starts_fresh(self, k: int) -> bool:
        return k == 0

    def window(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        steps = slice(self.cuts[k], self.cuts[k + 1])
        return self.inputs[steps], self.targets[steps]

    def positions(self, k: int) -> np.ndarray:
        length, rows = self.targets.shape
        steps = np.arange(self.cuts[k], self.cuts[k + 1])
        return 1 + steps[:, None] + length * np.arange(rows)  # the first token is no target


class RandomStreams(Streams):
    """Read a text as `Streams` does, in windows of random lengths, so that it is not always cut in the same places.

    A length is drawn from a normal distribution about `bptt`, now and then about half of it. The gradient is that of
    the mean loss of a window's own tokens, and the learning rate in proportion to its length: so every token of the
    text counts alike, but for steps that are clipped. Merity et al. 2018, "Regularizing and optimizing LSTM language
    models".

    seed : of the lengths, as NumPy's generators take it.
    """

    def __init__(self, tokens, batch_size: int, bptt: int, seed: Sequence[int]):
        self.rng, self.bptt, self.batch_size = np.random.default_rng(seed), bptt, batch_size
        super().__init__(tokens, batch_size, bptt)

    def cut(self, length: int, bptt: int) -> list[int]:
        least = min(LEAST_LENGTH, bptt)
        number = length // least + 1  # of windows, at most
        about = np.where(self.rng.random(number) < SHARE_OF_FULL, bptt, bptt / 2)
        lengths = self.rng.normal(about, LENGTH_STD).astype(int)
        stops = np.cumsum(lengths.clip(least, bptt + MOST_ABOVE))
        return [0, *stops[stops < length].tolist(), length]

    def denominator(self, k: int) -> int:
        return self.batch_size * (self.cuts[k + 1] - self.cuts[k])

    def lr_factor(self, k: int) -> float:
        return (self.cuts[k + 1] - self.cuts[k]) / self.bptt


class Sequences(Batches):
    """Predict each symbol of independent sequences (names, sentences) from the ones before it in its own.

    A sequence of n symbols and its end makes n + 1 targets; its inputs are the targets one step later,
    with BOS_INPUT as the first. A batch takes the next B sequences, a row each, and is as long as the longest
    of them: what a shorter one leaves of its row, and rows that the last sequences do not fill, count
    nowhere. A batch of more than `bptt` steps is cut into windows that pass on their state.

    Parameters
    ----------
    tokens : (N,), sequences one after the other, each with `end` as its last token.
    order : (number of sequences,) their order; None: that of `tokens`.

    Attributes
    ----------
    loss_denominator : sequences of a batch.
    """

    def __init__(self, tokens, end: int, batch_size: int, bptt: int, order=None):
        self.tokens, self.bptt, self.loss_denominator = tokens, bptt, batch_size
        self.stops = np.flatnonzero(tokens == end) + 1
        self.starts = np.concatenate([[0], self.stops[:-1]])
        self.num_targets = int(self.stops[-1])
        self.order = np.arange(len(self.stops)) if order is None else order
        lengths = (self.stops - self.starts)[self.order]
        longest = np.maximum.reduceat(lengths, np.arange(0, len(lengths), batch_size))
        # (batch, first step) of every window
        self.windows = [(k, t) for k, steps in enumerate(longest) for t in range(0, steps, bptt)]

    def __len__(self) -> int:
        return len(self.windows)

    def starts_fresh(self, k: int) -> bool:
        return self.windows[k][1] == 0

    def place(self, k: int) -> tuple[int, np.ndarray, int]:
        """Return the first step of a window within its sequences, the sequences' numbers, and the window's steps."""
        batch, t = self.windows[k]
        some = self.order[batch * self.loss_denominator : (batch + 1) * self.loss_denominator]
        return t, some, min(self.bptt, (self.stops - self.starts)[some].max() - t)

    def window(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        t, some, steps = self.place(k)
        shape = steps, self.loss_denominator
        inputs = np.full(shape, BOS_INPUT, self.tokens.dtype)
        targets = np.full(shape, IGNORE_INDEX, self.tokens.dtype)
        for b, (start, stop) in enumerate(zip(self.starts[some] + t, self.stops[some])):
            if start < stop:
                part = self.tokens[start : min(start + steps, stop)]
                targets[: len(part), b] = part
                first = 1 if t == 0 else 0
                inputs[first : len(part), b] = self.tokens[start + first - 1 : start + len(part) - 1]
        return inputs, targets

    def positions(self, k: int) -> np.ndarray:
        t, some, steps = self.place(k)
        found = np.full((steps, self.loss_denominator), IGNORE_INDEX)
        places = self.starts[some] + t + np.arange(steps)[:, None]
        found[:, : len(some)] = np.where(places < self.stops[some], places, IGNORE_INDEX)
        return found
