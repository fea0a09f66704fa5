"""Score every token once: the loss by which runs are compared."""

import numpy as np

from rnnexp.data.corpus import Corpus
from rnnexp.evaluation.base import Evaluator
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.nn.model import Model


class Exact(Evaluator):
    """Score a text in nats per token, every token counted once, as the score `loss`; see `evaluate`."""

    def score(self, model: Model, corpus: Corpus, split: str, rows: int = 1) -> dict[str, float]:
        return {"loss": evaluate(model, corpus.splits[split], rows, corpus.end)}

    def score_tokens(self, model, corpus, split, rows=1):
        tokens = corpus.splits[split]
        nats = np.empty(len(tokens))
        loss = evaluate(model, tokens, rows, corpus.end, nats)
        return {"loss": loss}, nats[corpus.first_target :]


make = Exact
