"""Score a text by the protocol of "Deep Learning from Scratch 2" (common/util.py, eval_perplexity)."""

from rnnexp.data.batches import Streams
from rnnexp.data.corpus import Corpus
from rnnexp.evaluation.base import Evaluator
from rnnexp.evaluation.perplexity import summed_nats
from rnnexp.nn.model import Model

ROWS, STEPS = 10, 35  # of a window


class Dlfs2(Evaluator):
    """Score a text in nats per token by `dlfs2_loss`, as the score of that name."""

    takes_sequences = False
    min_tokens = ROWS * STEPS + 1

    def score(self, model: Model, corpus: Corpus, split: str, rows: int = 1) -> dict[str, float]:
        return {"dlfs2_loss": dlfs2_loss(model, corpus.splits[split])}


def dlfs2_loss(model: Model, tokens) -> float:
    """Return the mean of the windows' nats per token, of tokens (N,).

    The text is cut into 10 rows, each read from a state of zeros in windows of 35 steps. What fills no window
    is dropped.
    """
    batches = Streams(tokens, ROWS, STEPS)
    full = len(batches.inputs) // STEPS
    nats, _ = summed_nats(model, batches, full)
    return nats / (full * batches.loss_denominator)


make = Dlfs2
