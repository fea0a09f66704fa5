"""Choose the settings of an evaluator on the validation split alone, and record them beside the score."""

import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import product
from typing import Any

import numpy as np

from rnnexp.data.corpus import Corpus
from rnnexp.evaluation.base import Evaluator
from rnnexp.evaluation.perplexity import put
from rnnexp.nn.model import Model
from rnnexp.nn.tokens import IGNORE_INDEX

LEAST_TRIED = 3  # values whose end is worth a word
Nats = dict[tuple, np.ndarray]  # by settings, of each target of a window


class Tuned(Evaluator):
    """Score a text with the settings that are best on the validation split, of all combinations that are given.

    Where only one is given, the validation split is not read.

    Parameters
    ----------
    name : of the evaluator; the loss is the score `<name>_loss`, a setting `<name>_<setting>`.
    given : the values of each setting.

    Its `notes` say which of the chosen settings are the lowest or highest of several that were tried.
    """

    def __init__(self, name: str, **given: Sequence[float]):
        self.name, self.names, self.given = name, list(given), given
        self.settings = list(dict.fromkeys(product(*given.values())))  # a value given twice is one
        if len(self.settings) > 1:
            self.reads = {"valid": self.min_tokens}

    @abstractmethod
    def nats(
        self, model: Model, tokens, end: int | None, settings: list[tuple], prepared: Any
    ) -> Iterator[tuple[np.ndarray, Nats]]:
        """Yield the places of the targets of a window (M,), and their nats (M,) by each of some settings.

        Parameters
        ----------
        tokens, end : a text and what ends its sequences, see `perplexity.evaluate`.
        prepared : what `prepared` gives.
        """

    def prepared(self, model: Model, corpus: Corpus) -> AbstractContextManager[Any]:
        """Return a context in which `nats` is called, and which gives what that needs for all settings."""
        return nullcontext()

    def tuning_text(self, corpus: Corpus) -> np.ndarray:
        """Return the tokens on which settings are compared."""
        return corpus.splits["valid"]

    def score(self, model, corpus, split, rows=1):
        return self.score_tokens(model, corpus, split, rows)[0]

    def score_tokens(self, model, corpus, split, rows=1):
        tokens = corpus.splits[split]
        each = np.empty(len(tokens))
        with self.prepared(model, corpus) as prepared:
            chosen = self.best(model, corpus, prepared)
            for places, found in self.nats(model, tokens, corpus.end, [chosen], prepared):
                put(each, places, found[chosen])
        each = each[corpus.first_target :]
        scores = {f"{self.name}_{key}": float(value) for key, value in zip(self.names, chosen)}
        return {f"{self.name}_loss": float(each.mean())} | scores, each

    def best(self, model: Model, corpus: Corpus, prepared: Any) -> tuple:
        """Return the settings with the lowest loss on the validation split."""
        if len(self.settings) == 1:
            return self.settings[0]
        losses: Counter[tuple] = Counter()
        text = self.tuning_text(corpus)
        for places, found in self.nats(model, text, corpus.end, self.settings, prepared):
            counted = places != IGNORE_INDEX
            for settings, nats in found.items():
                losses[settings] += nats[counted].sum()
        chosen = min(losses, key=lambda one: math.inf if math.isnan(losses[one]) else losses[one])
        self.notes = [*self.at_ends(chosen)]
        return chosen

    def at_ends(self, chosen: tuple) -> Iterator[str]:
        """Yield which settings are the lowest or the highest of at least three that were tried."""
        for name, value in zip(self.names, chosen):
            tried = sorted(set(self.given[name]))
            if len(tried) >= LEAST_TRIED and value in (tried[0], tried[-1]):
                yield f"{self.name}: of {name}={tried} the end {value:g} was best"
