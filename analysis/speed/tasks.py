"""Define what every contender is given: a shape of model, its first weights, a text."""

from dataclasses import dataclass

import numpy as np

from rnnexp.compute.backend import CPU, Cpu, Gpu
from rnnexp.nn.cells import CELLS
from rnnexp.nn.model import Model

SEED = 0
WINDOWS = 16  # different ones, in turn


@dataclass(frozen=True)
class Shape:
    """Hold the sizes of a language model, whose `embed_size` is `hidden_size`, and of its training windows."""

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
class Variant:
    """Name a cell and its options."""

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
LSTM, RNN = Variant("lstm", "lstm"), Variant("rnn", "rnn")
GRU = Variant("gru", "gru", (("reset", "before"),))
GRU_RESET_AFTER = Variant("gru reset after", "gru", (("reset", "after"),))
# every cell there is; one without an entry here is measured with its first values, by ours alone
VARIANTS = [LSTM, GRU, GRU_RESET_AFTER, RNN]
VARIANTS += [Variant(name, name) for name in CELLS if name not in {variant.cell for variant in VARIANTS}]
# what PyTorch trains where ours trains a variant: its GRU is the form with the reset gate after the product
PYTORCH_VARIANTS = {
    LSTM.label: LSTM,
    GRU.label: GRU_RESET_AFTER,
    GRU_RESET_AFTER.label: GRU_RESET_AFTER,
    RNN.label: RNN,
}
# the steps that contenders/pytorch_steps.py has
LOOP_LABELS = {variant.label for variant in (LSTM, GRU, GRU_RESET_AFTER, RNN)}
LOOP_LABELS |= {"cifg", "nig", "nfg", "nog", "niaf", "noaf", "peephole", "mlstm", "slstm", "indrnn", "mingru"}
LOOP_LABELS |= {"mgu", "ugrnn", "janet", "mut3", "rhn"}
TEXTBOOK_LABELS = {variant.label for variant in (LSTM, GRU, GRU_RESET_AFTER, RNN)}
JAX_LABELS = TEXTBOOK_LABELS


@dataclass(frozen=True)
class Task:
    """Hold a shape, a cell, and how the weights are updated."""

    shape: Shape
    variant: Variant
    lr: float = 0.5
    clip_norm: float = 0.25

    def model(self, where: Cpu | Gpu = CPU) -> Model:
        """Return our model, with the first weights that all contenders start from."""
        shape = self.shape
        cells = [
            CELLS[self.variant.cell](shape.hidden_size, shape.hidden_size, **dict(self.variant.options))
            for _ in range(shape.num_layers)
        ]
        model = Model(
            cells,
            shape.vocab_size,
            shape.hidden_size,
            shape.dropout,
            tie_weights=shape.tie_weights,
            init_std=0.05,  # small: with larger ones a cell without bounds, noaf, leaves all numbers behind
            backend=where,
        )
        model.init(SEED)
        return model

    def windows(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return windows of inputs and targets (T, B); the frequency of symbol k goes as 1 / (k + 3), as in texts."""
        shape = self.shape
        frequency = 1 / np.arange(3, shape.vocab_size + 3)
        size = shape.bptt * WINDOWS + 1, shape.batch_size
        text = np.random.default_rng(SEED).choice(shape.vocab_size, size, p=frequency / frequency.sum())
        starts = range(0, shape.bptt * WINDOWS, shape.bptt)
        return [(text[k : k + shape.bptt], text[k + 1 : k + 1 + shape.bptt]) for k in starts]
