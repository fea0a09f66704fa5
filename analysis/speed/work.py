"""What every contender is given: the same shape of model, the same first weights, the same text."""

from dataclasses import dataclass

import numpy as np

from rnnexp.compute.backend import CPU, Cpu, Gpu
from rnnexp.nn.cells import CELLS
from rnnexp.nn.model import Model

SEED = 0
WINDOWS = 16  # different ones, in turn


@dataclass(frozen=True)
class Shape:
    """A language model and the window it is trained on; `embed_size` is `hidden_size`."""

    vocab_size: int
    hidden_size: int
    num_layers: int
    batch_size: int
    bptt: int
    dropout: float = 0.0
    tie_weights: bool = False

    def __str__(self) -> str:
        sizes = f"{self.vocab_size}/{self.hidden_size}x{self.num_layers}/{self.batch_size}/{self.bptt}"
        return sizes + (" tied" if self.tie_weights else "") + (f" d{self.dropout}" if self.dropout else "")


@dataclass(frozen=True)
class Form:
    """A cell with its options."""

    label: str
    cell: str
    options: tuple[tuple[str, object], ...] = ()


SHAPES = {
    "better": Shape(10_000, 650, 2, 20, 35, dropout=0.5, tie_weights=True),  # the book's BetterRnnlm
    "rnnlm": Shape(10_000, 100, 1, 20, 35),  # the book's Rnnlm
    "char256": Shape(65, 256, 2, 32, 64),
    "char128": Shape(65, 128, 1, 32, 64),
    "names": Shape(27, 50, 1, 32, 16),
}
# What we aim at: times as fast as PyTorch on the same cores.
GOALS = {
    "better": {"lstm": 1.15, "gru": 1.6, "rnn": 1.3},
    "rnnlm": {"lstm": 1.2, "gru": 1.3, "rnn": 1.2},
    "char256": {"lstm": 1.1, "gru": 1.7, "rnn": 1.3},
    "char128": {"lstm": 1.1, "gru": 1.5, "rnn": 1.3},
    "names": {"lstm": 1.1, "gru": 1.7, "rnn": 1.3},
}
FORMS = [
    Form("lstm", "lstm"),
    Form("gru", "gru", (("reset", "before"),)),
    Form("gru reset after", "gru", (("reset", "after"),)),
    Form("rnn", "rnn"),
]


@dataclass(frozen=True)
class Task:
    """A shape and a cell, and how the weights are updated."""

    shape: Shape
    form: Form
    lr: float = 0.5
    clip_norm: float = 0.25

    def model(self, where: Cpu | Gpu = CPU) -> Model:
        """Ours, with the first weights that all contenders start from."""
        shape = self.shape
        cells = [
            CELLS[self.form.cell](shape.hidden_size, shape.hidden_size, **dict(self.form.options))
            for _ in range(shape.num_layers)
        ]
        model = Model(
            cells,
            shape.vocab_size,
            shape.hidden_size,
            shape.dropout,
            tie_weights=shape.tie_weights,
            backend=where,
        )
        model.init(SEED)
        return model

    def windows(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Inputs and targets (T, B); symbol k as frequent as 1 / (k + 3), as words roughly are."""
        shape = self.shape
        frequency = 1 / np.arange(3, shape.vocab_size + 3)
        size = shape.bptt * WINDOWS + 1, shape.batch_size
        text = np.random.default_rng(SEED).choice(shape.vocab_size, size, p=frequency / frequency.sum())
        starts = range(0, shape.bptt * WINDOWS, shape.bptt)
        return [(text[k : k + shape.bptt], text[k + 1 : k + 1 + shape.bptt]) for k in starts]
