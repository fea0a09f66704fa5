"""Read a text window by window as `perplexity.evaluate` does, for evaluators that need more than its loss."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnexp.compute.workspace import Workspace
from rnnexp.data.device import device_batches
from rnnexp.evaluation.perplexity import windows_of
from rnnexp.nn.model import Model


@dataclass
class Reading:
    """Hold what a model makes of a window, until the next one is read.

    Attributes
    ----------
    features : (M, H) inputs of the decoder. targets : (M,) tokens. Both are arrays of the model's backend.
    places : (M,) where each target stands in the text; IGNORE_INDEX: it does not count.
    workspace : for the decoder.
    """

    model: Model
    features: Any
    targets: Any
    places: np.ndarray
    workspace: Workspace

    def logits(self):
        """Return the logits (M, V), without the decoder's bias."""
        return self.model.decoder.forward(self.features, self.workspace)

    def nats(self, logits, bias) -> np.ndarray:
        """Return the nats (M,) of the targets by logits (M, V), which are overwritten, and a bias (V,)."""
        each = self.model.backend.empty(len(logits), np.float64)
        self.model.backend.softmax_cross_entropy(logits, bias, self.targets, row_nats=each)
        return self.model.backend.to_host(each)


def read(
    model: Model, tokens, end: int | None = None, masks: tuple[int, int] | None = None
) -> Iterator[Reading]:
    """Yield what a model makes of a text (N,), window by window.

    Parameters
    ----------
    end : see `perplexity.evaluate`; a stream is read as one row.
    masks : seed of the dropout masks, and the number of the text's reading, each with masks of its own;
        None: no dropout.
    """
    batches = windows_of(tokens, end=end)
    there, workspace = device_batches(batches, model.backend), model.workspace()
    state: list[tuple] = []
    for k in range(len(batches)):
        inputs, targets = there.window(k)
        if batches.starts_fresh(k):
            state = model.zero_state(inputs.shape[1])
        key = masks and (masks[0], masks[1] * len(batches) + k)
        features, state = model.features(inputs, state, workspace, key)
        places = batches.positions(k).ravel()
        yield Reading(model, features, targets.ravel(), places, workspace.child("decoder"))
