"""Mix the model with a cache of what followed where it was in a like state.

Grave, Joulin & Usunier 2017, "Improving neural language models with a continuous cache": before token t + 1,

    p(w) = (1 - share) p_model(w) + share sum_i [x_{i+1} = w] softmax_i(theta h_i . h_t)

over the last `window` places i < t, with h the top output; before the first, while the cache is empty, p_model.
"""

from typing import Annotated

import numpy as np

from rnnexp.compute.threads import in_parallel
from rnnexp.evaluation.reading import read
from rnnexp.evaluation.tuned import Tuned
from rnnexp.options import SHARE_BELOW_1, Option, at_least, several, within

BLOCK = 128  # targets that are scored at a time: few, for each has the keys of all of them computed


class NeuralCache(Tuned):
    """Score a text in nats per token with a cache, as the score `neural_cache_loss`.

    Parameters
    ----------
    window, theta, share : values of the settings, see `make`.
    """

    takes_sequences = False

    def __init__(
        self,
        window: Annotated[
            list[int], Option("places that the cache holds, the last so many", several(at_least(1)))
        ],
        theta: Annotated[
            list[float], Option("how much more a more alike place counts", several(within(0, 1000)))
        ],
        share: Annotated[list[float], Option("lambda: of the cache in the mixture", several(SHARE_BELOW_1))],
    ):
        self.windows = window
        self.min_tokens = max(window) + 2
        super().__init__("neural_cache", window=window, theta=theta, share=share)

    def require(self, corpus, split, chosen):
        if corpus.end is None:
            chosen = f"{chosen} with evaluation.neural_cache.window={max(self.windows)}"
        super().require(corpus, split, chosen)

    def nats(self, model, tokens, end, settings, prepared):
        kept, scored = max(window for window, _, _ in settings), list(dict.fromkeys(s[:2] for s in settings))
        keys, followers = np.empty((0, model.cells[-1].hidden_size), model.params.values.dtype), tokens[:0]
        for window in read(model, tokens):
            of_model = window.nats(window.logits(), model.decoder.p["b"])
            before = len(keys)
            keys = np.concatenate([keys, model.backend.to_host(window.features)])
            followers = np.concatenate([followers, tokens[window.places]])
            odds = cache_odds(keys, followers, before, scored)
            is_empty = np.arange(before, len(keys)) == 0
            yield (
                window.places,
                {
                    (length, theta, share): np.where(
                        is_empty, of_model, mixed(of_model, odds[length, theta], share)
                    )
                    for length, theta, share in settings
                },
            )
            keys, followers = keys[-kept:], followers[-kept:]


def cache_odds(keys, followers, before: int, scored: list[tuple]) -> dict[tuple, np.ndarray]:
    """Return the odds that the cache gives to the targets of a window, for each (window, theta) of `scored`.

    Parameters
    ----------
    keys, followers : (K, H) features and (K,) tokens after them; those of the M places of the window are the last.
    before : K - M.
    """
    odds = {one: np.zeros(len(keys) - before) for one in scored}

    def block(first: int) -> None:
        attend(keys, followers, np.arange(first, min(first + BLOCK, len(keys))), before, odds)

    in_parallel(block, range(max(before, 1), len(keys), BLOCK))  # before the first, nothing is in the cache
    return odds


def attend(keys, followers, rows: np.ndarray, before: int, odds: dict[tuple, np.ndarray]) -> None:
    """Set those of `cache_odds` of some rows (R,) of the keys, one after the other."""
    first = max(0, rows[0] - max(window for window, _ in odds))
    scores = keys[rows] @ keys[first : rows[-1]].T
    is_target = followers[rows, None] == followers[None, first : rows[-1]]
    age = rows[:, None] - np.arange(first, rows[-1])
    for window, theta in odds:
        from_here = max(0, rows[0] - window - first)  # what is older counts for none of the rows
        weights = scores[:, from_here:] * scores.dtype.type(theta)
        ages = age[:, from_here:]
        weights[(ages < 1) | (ages > window)] = -np.inf
        weights -= weights.max(axis=1, keepdims=True)
        np.exp(weights, out=weights)
        in_all = weights.sum(axis=1)
        weights *= is_target[:, from_here:]
        odds[window, theta][rows - before] = weights.sum(axis=1) / in_all


def mixed(nats: np.ndarray, odds: np.ndarray, share: float) -> np.ndarray:
    """Return the nats of targets by a mixture: (M,) nats of the model, (M,) odds of the cache, share of the cache."""
    with np.errstate(divide="ignore"):  # of odds 0
        return -np.logaddexp(np.log1p(-share) - nats, np.log(share * odds))


make = NeuralCache
