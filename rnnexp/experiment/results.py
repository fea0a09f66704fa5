"""Say what a run has come to: what it records once, at its end."""

import logging
import math
from typing import Any

import numpy as np

from rnnexp.errors import UserError
from rnnexp.evaluation.base import in_units
from rnnexp.evaluation.perplexity import evaluate, perplexity
from rnnexp.experiment import build
from rnnexp.experiment.text_metrics import text_metrics
from rnnexp.records.lease import now

NUMBERS = int, float, np.number
log = logging.getLogger(__name__)


def done_at(records: list[dict[str, Any]]) -> int:
    """Return the number of updates that the recorded epochs have done."""
    return records[-1]["updates"] if records else 0


def score_test(experiment: build.Experiment) -> tuple[dict[str, float], np.ndarray | None]:
    """Return what the evaluators find out about the test split, and the nats of each of its tokens.

    With train.test=never that is nothing, and None.
    """
    scores: dict[str, float] = {}
    test_nats = None
    if not experiment.settings.tests:
        if len(experiment.evaluators) > 1:  # besides the exact one, which is always there
            log.info(f"{experiment.label}: not evaluated, for train.test=never leaves the test split unread")
        return scores, test_nats
    for evaluator in experiment.evaluators:
        found, nats = evaluator.score_tokens(experiment.model, experiment.corpus, "test")
        if not isinstance(found, dict) or not all(isinstance(one, NUMBERS) for one in found.values()):
            raise UserError(
                f"{type(evaluator).__module__}: score of {type(evaluator).__name__} must return numbers by name, "
                f"it returned {found!r}"
            )
        for note in [*evaluator.notes, *worse_than_chance(found, len(experiment.corpus.vocabulary))]:
            log.warning(f"{experiment.label}: {note}")
        scores |= found
        test_nats = nats if test_nats is None else test_nats  # the exact evaluator is the first
    return scores, test_nats


def worse_than_chance(scores: dict[str, float], symbols: int) -> list[str]:
    """Return a sentence for each loss but the exact one that is above that of equal odds, or no number."""
    return [
        f"{name} is {loss:.4g} nats per token, worse than equal odds for {symbols:,} symbols"
        for name, loss in scores.items()
        if name.endswith("_loss") and not loss <= math.log(symbols)
    ]


def final_metrics(
    experiment: build.Experiment,
    records: list[dict[str, Any]],
    scores: dict[str, float],
    best: tuple[int, float],
) -> dict[str, float]:
    """Return what is recorded once, at the end; the model has the best weights.

    Parameters
    ----------
    scores : of the test split.
    best : the epoch with the best validation loss and that loss, in nats per token; epoch 0: none was done.
    """
    model, corpus, rows = experiment.model, experiment.corpus, experiment.settings.eval_streams
    best_epoch, best_loss = best
    if not best_epoch:  # max_epochs=0: the untrained model
        best_loss = evaluate(model, corpus.splits["valid"], rows, corpus.end)
    parts = model.num_params()
    metrics = {
        **in_units("test", scores, corpus.level, corpus.bytes_per_token("test")),
        **text_metrics(corpus, experiment.settings.tests),
        "time": now(),
        "best/valid_ppl": perplexity(best_loss),
        "best/epoch": best_epoch,
        "num_params": sum(parts.values()),
        **{f"num_params/{name}": count for name, count in parts.items()},
        "operations_per_token": model.operations_per_token(),
    }
    if records and all("epoch_cpu_s" in record for record in records):  # none of a version that lacked it
        metrics["train_cpu_s"] = sum(record["epoch_cpu_s"] for record in records)
    if corpus.oracle:
        if experiment.settings.tests:
            metrics["oracle/ppl"] = perplexity(corpus.oracle["test"])
        metrics |= {f"oracle/{split}_ppl": perplexity(corpus.oracle[split]) for split in ("train", "valid")}
    return metrics
