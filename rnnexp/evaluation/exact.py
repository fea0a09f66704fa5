"""Score every token once: the loss by which runs are compared."""

from rnnexp.data.corpus import Corpus
from rnnexp.evaluation.base import Evaluator
from rnnexp.evaluation.perplexity import evaluate
from rnnexp.nn.model import Model


class Exact(Evaluator):
    """Score a text in nats per token, every token counted once, as the score `loss`; see `evaluate`."""

    def score(self, model: Model, corpus: Corpus, split: str, rows: int = 1) -> dict[str, float]:
        return {"loss": evaluate(model, corpus.splits[split], rows, corpus.end)}


def make() -> Exact:
    """Return the evaluator."""
    return Exact()
