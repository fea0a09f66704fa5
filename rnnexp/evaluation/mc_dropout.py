"""Average the predictions of several readings of a text with dropout, each with masks of its own.

Gal & Ghahramani 2016, "A theoretically grounded application of dropout in recurrent neural networks". Masks that
stay (model.variational) do so for a window of an evaluation.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import numpy as np

from rnnexp.errors import UserError
from rnnexp.evaluation.base import Evaluator
from rnnexp.evaluation.perplexity import put
from rnnexp.evaluation.reading import read
from rnnexp.nn.model import Model
from rnnexp.options import Option, at_least, within


class McDropout(Evaluator):
    """Score a text in nats per token by the mean probability of `samples` readings: `mc_dropout_loss`."""

    def __init__(
        self,
        samples: Annotated[int, Option("readings of the text, each as long as the exact one", at_least(1))],
        seed: Annotated[int, Option("of the masks, apart from that of the run", within(0, 2**63 - 1))],
    ):
        self.samples, self.seed = samples, seed

    def require_model(self, model, chosen):
        drops = *model.dropouts, *model.recurrent_dropouts, *model.weight_drops, model.embedding_dropout
        if not any(drop.rate > 0 for drop in drops):
            raise UserError(
                f"{chosen} is for a model with dropout: give model.dropout or another rate, or leave it out"
            )

    def score(self, model, corpus, split, rows=1):
        return self.score_tokens(model, corpus, split, rows)[0]

    def score_tokens(self, model, corpus, split, rows=1):
        tokens = corpus.splits[split]
        summed = np.full(len(tokens), -np.inf)  # log of the sum of the probabilities so far
        nats = np.empty(len(tokens))
        with state_kept(model):
            for number in range(self.samples):
                for window in read(model, tokens, corpus.end, (self.seed, number)):
                    put(nats, window.places, window.nats(window.logits(), model.decoder.p["b"]))
                first = corpus.first_target
                np.logaddexp(summed[first:], -nats[first:], out=summed[first:])
        each = math.log(self.samples) - summed[corpus.first_target :]
        return {"mc_dropout_loss": float(each.mean())}, each


@contextmanager
def state_kept(model: Model) -> Iterator[None]:
    """Have a model carry its state on from window to window within the context, whatever `model.drop_state` is."""
    rate, model.state_drop.rate = model.state_drop.rate, 0.0
    try:
        yield
    finally:
        model.state_drop.rate = rate


make = McDropout
