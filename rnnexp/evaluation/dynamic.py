"""Let the weights learn from the text while it is scored: a segment is scored first, and then learned.

Krause et al. 2018, "Dynamic evaluation of neural sequence models", with decay and scaling by the root of the mean
squared gradient (RMS) of each weight on training text, as in the authors' code:

    w += decay d (w0 - w) - lr g / (RMS + epsilon),   d = min(RMS / mean(RMS), 1 / decay)

with g of the mean loss of a segment, and mean(RMS) the mean over the weight arrays of their means.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import numpy as np

from rnnexp.compute.threads import in_parts
from rnnexp.data.batches import Streams
from rnnexp.data.corpus import Corpus
from rnnexp.data.device import device_batches
from rnnexp.errors import UserError
from rnnexp.evaluation.tuned import Tuned
from rnnexp.nn.layers import OneHot
from rnnexp.nn.model import Model
from rnnexp.options import POSITIVE, Option, Range, at_least, several

ROWS, STEPS = 100, 5  # of a window of the training text
ALLOWED_DECAY = Range("greater than 0, at most 1", lambda v: 0 < v <= 1)


class Dynamic(Tuned):
    """Score a text in nats per token while the weights learn from it, as the score `dynamic_loss`.

    Parameters
    ----------
    lr, decay : values of the settings. epsilon, segment, train_tokens, valid_tokens : see `make`.
    """

    takes_sequences = False

    def __init__(
        self,
        lr: Annotated[list[float], Option("rate at which a segment is learned", several(POSITIVE))],
        decay: Annotated[
            list[float],
            Option("lambda: how strongly weights go back to what they were", several(ALLOWED_DECAY)),
        ],
        epsilon: Annotated[
            float, Option("keeps the change of weights finite whose gradient is tiny", POSITIVE)
        ],
        segment: Annotated[int, Option("tokens that are scored, and then learned, at a time", at_least(1))],
        train_tokens: Annotated[
            int | None,
            Option(
                "the first so many tokens of the training split tell how large gradients are; null: all",
                at_least(ROWS * STEPS + 1),
            ),
        ],
        valid_tokens: Annotated[
            int | None,
            Option(
                "the first so many tokens of the validation split choose lr and decay; null: all", at_least(2)
            ),
        ],
    ):
        super().__init__("dynamic", lr=lr, decay=decay)
        if valid_tokens is not None and valid_tokens < segment + 2 and len(self.settings) > 1:
            raise UserError(
                f"evaluation.dynamic.valid_tokens={valid_tokens} must be at least {segment + 2}, so that something is "
                f"learned of a segment of {segment} before the rest is scored"
            )
        self.reads = {"train": ROWS * STEPS + 1, **self.reads}
        self.epsilon, self.segment = epsilon, segment
        self.train_tokens, self.valid_tokens = train_tokens, valid_tokens

    def require(self, corpus, split, chosen):
        super().require(corpus, split, chosen)
        for name in {split, *self.reads} - {"train"}:  # so that some are scored by weights that have learned
            because = f"{chosen} with evaluation.dynamic.segment={self.segment}"
            corpus.require(name, self.segment + 2, because, lower="number")

    def tuning_text(self, corpus):
        return corpus.splits["valid"][: self.valid_tokens]

    @contextmanager
    def prepared(self, model: Model, corpus: Corpus) -> Iterator["LearningWeights"]:
        """Give the weights that learn, and put them back in the end."""
        rms = gradient_rms(model, corpus.splits["train"][: self.train_tokens])
        weights = LearningWeights(model, rms, self.epsilon)
        try:
            yield weights
        finally:
            weights.put_back()

    def nats(self, model, tokens, end, settings, prepared):
        batches = Streams(tokens, 1, self.segment)
        there, device = device_batches(batches, model.backend), model.backend
        for lr, decay in settings:
            prepared.begin(lr, decay)
            state, workspace = model.zero_state(1), model.workspace()
            for k in range(len(batches)):
                inputs, targets = there.window(k)
                prepared.before_reading(inputs)
                each = device.empty(len(inputs), np.float64)
                scale = 1 / len(inputs)
                _, state = model.forward(inputs, targets, state, workspace, None, scale, each)
                yield batches.positions(k).ravel(), {(lr, decay): device.to_host(each)}
                model.backward(workspace)
                prepared.learn()


class LearningWeights:
    """Hold the weights of a model while they learn, and what they were before.

    An embedding that is no decoder too is read and learned by rows. What is left of a row's change is computed when
    the row is read next, so that a segment's work is that for its few rows. (On a GPU all rows are changed: work that
    costs less there than to ask for less of it.)

    Parameters
    ----------
    rms : (P,) as from `gradient_rms`.
    """

    def __init__(self, model: Model, rms, epsilon: float):
        self.params, self.rms, self.epsilon = model.params, rms, epsilon
        self.before = model.params.values.copy()
        means = [float(array.mean()) for array in model.params.split(model.backend.to_host(rms)).values()]
        self.mean_rms = sum(means) / len(means)
        by_rows = not (model.tie_weights or isinstance(model.embedding, OneHot) or model.backend.asynchronous)
        self.table = "embedding.W" if by_rows else None
        # of the weights that are changed each time
        self.first = model.params.count("embedding") if by_rows else 0

    def put_back(self) -> None:
        """Set the weights to what they were."""
        self.params.values[...] = self.before

    def begin(self, lr: float, decay: float) -> None:
        """Begin to learn anew, by these settings."""
        self.put_back()
        number = self.rms.dtype.type
        self.rate = number(lr) / (self.rms + number(self.epsilon))
        self.pull = np.minimum(self.rms * number(decay / self.mean_rms if self.mean_rms else 0), number(1))
        if self.table:
            self.time, self.changed_at = 0, np.zeros(len(self.params.value[self.table]), np.int64)
            flat = self.params.values, self.before, self.rate, self.pull, self.params.grads
            self.of_table = [self.params.split(array)[self.table] for array in flat]

    def before_reading(self, inputs) -> None:
        """Bring the rows of the embedding that inputs (T, 1) read to where the pull towards `before` has led them."""
        if self.table:
            values, before, _, pull, _ = self.of_table
            self.rows = np.unique(inputs)
            turns = (self.time - self.changed_at[self.rows]).astype(values.dtype)
            left = (1 - pull[self.rows]) ** turns[:, None]
            values[self.rows] = before[self.rows] + (values[self.rows] - before[self.rows]) * left

    def learn(self) -> None:
        """Change the weights by the gradient."""

        def change(part: slice) -> None:
            part = slice(part.start + self.first, part.stop + self.first)
            w = self.params.values[part]
            step = self.before[part] - w
            step *= self.pull[part]
            w += step
            np.multiply(self.params.grads[part], self.rate[part], out=step)
            w -= step

        in_parts(change, len(self.params.values) - self.first, self.params.backend.update_block)
        if self.table:
            values, before, rate, pull, grads = (array[self.rows] for array in self.of_table)
            self.of_table[0][self.rows] = values + pull * (before - values) - rate * grads
            self.time += 1
            self.changed_at[self.rows] = self.time


def gradient_rms(model: Model, tokens):
    """Return the root of the mean squared gradient (P,) of each weight, over windows of 5 steps of 100 rows.

    tokens : (N,) training text. What fills no window is left out.
    """
    batches = Streams(tokens, ROWS, STEPS)
    there, params = device_batches(batches, model.backend), model.params
    state, workspace, full = model.zero_state(ROWS), model.workspace(), len(batches.inputs) // STEPS
    squares = model.backend.zeros(len(params.values), params.values.dtype)

    def add(part: slice) -> None:
        squares[part] += params.grads[part] * params.grads[part]

    for k in range(full):
        inputs, targets = there.window(k)
        _, state = model.forward(inputs, targets, state, workspace, None, 1 / batches.loss_denominator)
        model.backward(workspace)
        in_parts(add, len(squares), model.backend.update_block)
    squares /= squares.dtype.type(full)
    return np.sqrt(squares, out=squares)


make = Dynamic
