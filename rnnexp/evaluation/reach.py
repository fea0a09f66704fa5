"""Measure how far gradients reach back through time, in one number a lag."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from rnnexp.data.corpus import Corpus
from rnnexp.evaluation.base import Evaluator
from rnnexp.nn.model import Model
from rnnexp.nn.tokens import IGNORE_INDEX

LAGS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200)
FIRST_LAGS = 20  # over which the share kept a step is fitted
ROWS = 32  # places of the text, side by side
# The gradient of a step that was long forgotten is below what single precision holds, so all are computed this
# much larger; what then is too large or still too small is recorded as 1e11 or 1e-60.
SCALE = 2.0**90
SMALLEST, LARGEST = -60.0, 11.0


class Reach(Evaluator):
    """Score the norm of dL_T/dh_{T-k}: how much the loss of one token owes to the hidden state k steps before.

    L_T is the loss of the token after step T, h the hidden state of the bottom layer. The scores are
    `reach_log10_K`, the decimal logarithm of the norm (its mean over 32 places of the text, read from a state of
    zeros 200 steps before T), and `reach_kept`: what remains of it from each step to the one before, in the mean of
    the first 20; 0.5 means that it halves with each step back. What else the cell carries on, as the LSTM's c, is held
    fixed at T-k: so compare what cells keep, and not the norms of different cells. A limit of
    `model.clip_through_time` is set aside.
    """

    takes_sequences = False
    min_tokens = LAGS[-1] + 2

    def score(self, model: Model, corpus: Corpus, split: str, rows: int = 1) -> dict[str, float]:
        with unclipped(model):
            logs = reach(model, corpus.splits[split])
        few = [k for k in LAGS if k <= FIRST_LAGS]
        slope = np.polyfit(few, logs[: len(few)], 1)[0]
        return {f"reach_log10_{k}": float(log) for k, log in zip(LAGS, logs)} | {
            "reach_kept": float(10**slope)
        }


@contextmanager
def unclipped(model: Model) -> Iterator[None]:
    """Set the limit of gradients through time aside within the context: it is meant for gradients of common size."""
    limits = [layer.clip_through_time for layer in model.recurrent]
    try:
        for layer in model.recurrent:
            layer.clip_through_time = None
        yield
    finally:
        for layer, limit in zip(model.recurrent, limits):
            layer.clip_through_time = limit


def reach(model: Model, tokens: np.ndarray) -> np.ndarray:
    """Return the mean logarithm of the norm of dL_T/dh_{T-k} for each of `LAGS`.

    Parameters
    ----------
    tokens : (N,), a text of one stream.
    """
    steps, device = LAGS[-1], model.backend
    starts = np.linspace(0, len(tokens) - 1 - steps, ROWS).astype(int)
    windows = np.stack([tokens[start : start + steps + 1] for start in starts], axis=1)
    logs = []
    for lag in LAGS:
        state = model.zero_state(ROWS)
        if lag < steps:
            _, state = model.features(
                device.to_device(np.ascontiguousarray(windows[: steps - lag])), state, model.workspace()
            )
        inputs = device.to_device(np.ascontiguousarray(windows[steps - lag : -1]))
        targets = np.full(windows[steps - lag : -1].shape, IGNORE_INDEX, windows.dtype)
        targets[-1] = windows[-1]
        workspace = model.workspace()
        model.forward(inputs, device.to_device(targets), state, workspace, grad_scale=SCALE)
        dh = device.to_host(model.backward(workspace)[0][0]).astype(np.float64)
        logs.append(_mean_log(np.linalg.norm(dh, axis=1) / SCALE))
    return np.array(logs)


def _mean_log(norms: np.ndarray) -> float:
    """Return the mean decimal logarithm of norms, each within the limits of what is recorded."""
    kept = np.clip(np.nan_to_num(norms, nan=np.inf, posinf=np.inf), 10**SMALLEST, 10**LARGEST)
    return float(np.log10(kept).mean())


make = Reach
