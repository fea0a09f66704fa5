"""State what every way of evaluating offers."""

from abc import ABC, abstractmethod

import numpy as np

from rnnexp.data.corpus import Corpus
from rnnexp.errors import UserError
from rnnexp.evaluation.perplexity import loss_metrics
from rnnexp.nn.model import Model


class Evaluator(ABC):
    """Score a text with a model.

    Asked twice, an evaluator says the same: it draws nothing at random, or from a generator that an option
    `seed` of its own begins. It leaves the model as it was: one that adapts weights to the text puts them
    back.

    Attributes
    ----------
    takes_sequences : whether the text may be a set of sequences.
    min_tokens : that a text of one stream has to have.
    """

    takes_sequences = True
    min_tokens = 2

    @abstractmethod
    def score(self, model: Model, corpus: Corpus, split: str, rows: int = 1) -> dict[str, float]:
        """Return what is found out about a split of the corpus, by names that no other evaluator has.

        A name that ends with "loss" is for nats per token, which are recorded as perplexity too; any other
        number is recorded as it is.

        Parameters
        ----------
        rows : in which the run has a stream read side by side (train.eval_streams), for evaluators that
            have no protocol of their own.
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
        if corpus.end is None:
            corpus.require(split, self.min_tokens, chosen)
        elif not self.takes_sequences:
            raise UserError(f"{chosen} is for one stream of text; this data set has sequences")


def in_units(split: str, scores: dict[str, float], level: str) -> dict[str, float]:
    """Return scores as they are recorded: every loss in all its units, by names that tell the split."""
    metrics: dict[str, float] = {}
    for name, value in scores.items():
        if name.endswith("loss"):
            metrics |= loss_metrics(split, value, level, name.removesuffix("loss"))
        else:
            metrics[f"{split}/{name}"] = value
    return metrics
