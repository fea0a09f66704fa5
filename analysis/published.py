"""List what the source documents published, and how to get the same figures here."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from rnnexp.analysis.records import load_history


def test_perplexity(runs: pd.DataFrame, uri: str) -> pd.Series:
    """Return the test perplexity of each run."""
    return runs["metrics.test/ppl"]


@dataclass(frozen=True)
class PublishedResult:
    """Hold a figure that a document published.

    Parameters
    ----------
    name : of the study in which its runs are recorded.
    model : what was trained, in words.
    published : the figure.
    overrides : the arguments of `rnnexp`; `{data}` is the folder of the data.
    unit, measure : of the figure; from the finished runs and their store to the figure of each.
    gpu : whether it runs only where somebody asks for it by name: it takes a day on a CPU.
    """

    name: str
    model: str
    published: str
    overrides: tuple[str, ...]
    unit: str = "test perplexity"
    measure: Callable[[pd.DataFrame, str], pd.Series] = test_perplexity
    gpu: bool = False

    @property
    def seeds(self) -> int:
        """Return how many runs it takes."""
        return next(o for o in self.overrides if o.startswith("seed=")).count(",") + 1

    @property
    def needs_data(self) -> bool:
        """Return whether it is trained on a file that cannot be downloaded."""
        return any(o.endswith("{data}") for o in self.overrides)


def at_step(metric: str, step: int) -> Callable[[pd.DataFrame, str], pd.Series]:
    """Return what measures a metric after the first epoch that ends at that step or later."""

    def measure(runs: pd.DataFrame, uri: str) -> pd.Series:
        history = load_history(runs, [metric, "updates"], uri)
        reached = history[history["updates"] >= step].sort_values("updates").groupby("run_id")[metric].first()
        return runs["run_id"].map(reached)

    return measure


PTB = ("dataset.dir={data}/ptb",)
REDUCED = ("model.embed_size=200", "model.hidden_size=200", "train.max_epochs=13")
PUBLISHED = [
    PublishedResult(
        "char_gru_hackathon",
        "hackathon: character GRU, 100 units, Adagrad",
        "301.4 early on, another text",
        ("experiment=char_gru_hackathon", "seed=0,1,2"),
        "nats per training sentence after 10 updates or more",
        at_step("train/sequence_loss", 10),
    ),
    PublishedResult(
        "dinosaur_names",
        "Coursera's dinosaur names: vanilla RNN, 50 units; here nine tenths of the names",
        "22.73",
        ("experiment=dinosaur_names", "seed=0,1,2", "dataset.dir={data}"),
        "smoothed nats of a name after 22,000 updates",
        at_step("train/smooth_loss", 22_000),
    ),
    PublishedResult(
        "dlfs2_rnnlm",
        "the book's RNNLM: LSTM, 1 x 100, PTB",
        "136.1",
        ("experiment=dlfs2_rnnlm", "seed=0,1,2", *PTB),
    ),
    PublishedResult(
        "dlfs2_better_lstm_200",
        "the better RNNLM, reduced to 2 x 200 and 13 epochs: LSTM",
        "ahead of GRU",
        ("experiment=dlfs2_better_lstm", "seed=0", *PTB, *REDUCED),
    ),
    PublishedResult(
        "dlfs2_better_gru_200",
        "the same: GRU",
        "",
        ("experiment=dlfs2_better_gru", "seed=0", *PTB, *REDUCED),
    ),
    PublishedResult(
        "dlfs2_better_lstm",
        "the better RNNLM: LSTM, 2 x 650, PTB, 40 epochs",
        "75.76",
        ("experiment=dlfs2_better_lstm", "seed=0,1,2", "device=gpu", *PTB),
        gpu=True,
    ),
    PublishedResult(
        "dlfs2_better_gru",
        "the same: GRU",
        "low 80s",
        ("experiment=dlfs2_better_gru", "seed=0,1,2", "device=gpu", *PTB),
        gpu=True,
    ),
]
