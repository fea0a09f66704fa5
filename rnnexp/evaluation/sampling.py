"""Draw text from a model: each token from the distribution that the ones before it give."""

from collections.abc import Sequence

import numpy as np

from rnnexp.nn.model import Model


def sample(
    model: Model,
    prompt: Sequence[int],
    length: int,
    rng: np.random.Generator,
    num: int = 1,
    end: int | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> list[list[int]]:
    """Return texts, as tokens, that go on from a prompt.

    Parameters
    ----------
    prompt : tokens, at least one; `nn.tokens.BOS_INPUT` where a sequence begins.
    length : tokens to draw for each text, at most.
    num : how many texts, side by side.
    end : a text stops before this token; None: at `length` only.
    temperature : what the logits are divided by; below 1 the likely tokens become likelier, 0 always takes
        the likeliest.
    top_k : draw among that many likeliest tokens; None: among all.

    Returns
    -------
    the drawn tokens of each text, without prompt and end.
    """
    inputs = np.tile(np.asarray(prompt, np.int32)[:, None], num)
    state, workspace = model.zero_state(num), model.workspace()
    drawn = np.empty((length, num), np.int32)
    ended = np.zeros(num, bool)
    for t in range(length):
        logits, state = model.logits(model.backend.to_device(inputs), state, workspace)
        drawn[t] = [draw(row, rng, temperature, top_k) for row in model.backend.to_host(logits[-num:])]
        inputs = drawn[t][None]
        ended |= drawn[t] == end
        if ended.all():
            drawn = drawn[: t + 1]
            break
    return [text[: text.index(end)] if end in text else text for text in drawn.T.tolist()]


def draw(logits, rng: np.random.Generator, temperature: float = 1.0, top_k: int | None = None) -> int:
    """Return one token drawn from unnormalised log probabilities (V,); see `sample`."""
    if temperature == 0:
        return int(logits.argmax())
    scaled = logits.astype(np.float64)
    with np.errstate(over="ignore"):  # where the temperature is tiny all but the likeliest become -inf
        scaled = (scaled - scaled.max()) / temperature
    if top_k is not None and top_k < len(scaled):
        likeliest = np.argpartition(scaled, -top_k)[-top_k:]
        return int(likeliest[draw(scaled[likeliest], rng)])
    p = np.exp(scaled)
    return int(rng.choice(len(p), p=p / p.sum()))
