"""Text from a model: each token drawn from the distribution that the ones before it give."""

import numpy as np

from rnnexp.model import Model


def sample(model: Model, first: int, length: int, rng: np.random.Generator) -> list[int]:
    """Tokens drawn one after the other, `length` of them, after the token `first`."""
    state, tape, tokens = model.zero_state(1), model.tape(), [first]
    for _ in range(length):
        logits, state = model.logits(np.array([[tokens[-1]]]), state, tape)
        p = np.exp(logits[0] - logits[0].max(), dtype=np.float64)
        tokens.append(int(rng.choice(len(p), p=p / p.sum())))
    return tokens[1:]
