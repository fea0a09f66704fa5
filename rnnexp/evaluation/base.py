"""State the contract of a way of evaluating."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from rnnexp.data.corpus import Corpus
from rnnexp.errors import UserError
from rnnexp.evaluation.perplexity import loss_metrics
from rnnexp.nn.model import Model


class Evaluator(ABC):
    """Score a text with a model.

    An evaluator gives the same scores each time: it draws nothing at random, or from a generator seeded by an
    option `seed` of its own. It leaves the model as it was: one that adapts weights to the text puts them back.

    Attributes
    ----------
    takes_sequences : whether the text may be a set of sequences.
    min_tokens : the least number of tokens of a text of one stream.
    reads : the splits of the run's own data that it reads besides, with the least number of tokens of each.
    notes : what a user should know of the last score, in words.
    """

    takes_sequences = True
    min_tokens = 2
    reads: Mapping[str, int] = {}
    notes: Sequence[str] = ()

    @abstractmethod
    def score(self, model: Model, corpus: Corpus, split: str, rows: int = 1) -> dict[str, float]:
        """Return the scores of a split of the corpus, by names that no other evaluator has.

        A score whose name ends with "loss" is in nats per token, and is recorded as perplexity too; any other
        number is recorded as it is.

        Parameters
        ----------
        rows : the number of rows in which the run has a stream read side by side (train.eval_streams), for
            evaluators that have no protocol of their own.
        """

    def score_tokens(
        self, model: Model, corpus: Corpus, split: str, rows: int = 1
    ) -> tuple[dict[str, float], np.ndarray | None]:
        """Return the same, and the nats of every predicted token in the order of the text.

        Returns
        -------
        what `score` does; and (M,) float64, or None from an evaluator whose scores are no mean of such.
        """
        return self.score(model, corpus, split, rows), None

    def require(self, corpus: Corpus, split: str, chosen: str) -> None:
        """Raise UserError where this cannot score a split.

        Parameters
        ----------
        chosen : how the user asked for it, as KEY=VALUE.
        """
        if corpus.end is not None:
            self.require_takes_sequences(chosen)
        for name, least in {**self.reads, split: self.min_tokens}.items():
            if corpus.end is None:
                corpus.require(name, least, chosen)

    def require_takes_sequences(self, chosen: str) -> None:
        """Raise UserError where this scores one stream of text only; see `require`."""
        if not self.takes_sequences:
            raise UserError(f"{chosen} is for one stream of text; this data set has sequences: leave it out")

    def require_model(self, model: Model, chosen: str) -> None:  # noqa: B027, for most take every model
        """Raise UserError where this cannot score by a model, of any vocabulary; see `require`."""


def in_units(
    split: str, scores: dict[str, float], level: str, bytes_per_token: float | None = None
) -> dict[str, float]:
    """Return scores as they are recorded: every loss in all its units, by names that begin with the split.

    level, bytes_per_token : see `loss_metrics`.
    """
    metrics: dict[str, float] = {}
    for name, value in scores.items():
        if name.endswith("loss"):
            metrics |= loss_metrics(split, value, level, name.removesuffix("loss"), bytes_per_token)
        else:
            metrics[f"{split}/{name}"] = value
    return metrics
