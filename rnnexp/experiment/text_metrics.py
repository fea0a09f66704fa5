"""Tell what a loss on a text is to be read beside: its vocabulary, unseen words, size in bytes, n-gram models."""

import numpy as np

from rnnexp.data.corpus import Corpus
from rnnexp.evaluation.exact import Exact
from rnnexp.evaluation.ngrams import ngram_losses
from rnnexp.evaluation.perplexity import loss_metrics, perplexity
from rnnexp.nn.model import Model


def text_metrics(corpus: Corpus, tests: bool) -> dict[str, float]:
    """Return what is known of a text without a model.

    Parameters
    ----------
    tests : whether the test split may be looked at.
    """
    metrics: dict[str, float] = {"vocab_size": len(corpus.vocabulary)}
    splits = ["train", "valid"] + ["test"] * tests
    if corpus.unseen:
        metrics |= {f"unseen/{split}": corpus.unseen_share(split) for split in splits}
    if tests:
        metrics |= {f"ngram/{name}_ppl": perplexity(loss) for name, loss in ngram_losses(corpus).items()}
    return metrics


def seen_metrics(model: Model, corpus: Corpus, rows: int, test_nats: np.ndarray | None) -> dict[str, float]:
    """Return the loss on the tokens that the vocabulary has; empty where it has all.

    Parameters
    ----------
    rows : in which the validation split is read, as in training.
    test_nats : (M,) of each predicted token of the test split; None: it is not scored.
    """
    if not corpus.unseen:
        return {}
    _, valid_nats = Exact().score_tokens(model, corpus, "valid", rows)
    metrics: dict[str, float] = {}
    for split, nats in ("valid", valid_nats), ("test", test_nats):
        if nats is not None:
            seen = ~corpus.unseen[split][corpus.first_target :]
            if seen.any():
                metrics |= loss_metrics(split, float(nats[seen].mean()), corpus.level, "seen_")
    return metrics
