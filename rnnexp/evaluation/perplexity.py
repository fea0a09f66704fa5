"""Compute the loss of a model on a text, the sum of nats over all targets divided once, and its units."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from rnnexp.compute.workspace import Workspace
from rnnexp.data.batches import Batches, Sequences, Streams
from rnnexp.data.device import CapturedWindow, device_batches
from rnnexp.nn.model import Model, arrays_of, copy_state
from rnnexp.nn.tokens import IGNORE_INDEX

# Tokens in a window of an evaluation: many enough for the decoder's product to run at full speed. The result
# does not depend on it, for the state is carried.
WINDOW_TOKENS = 512
SEQUENCE_ROWS = 16  # sequences side by side


def evaluate(
    model: Model, tokens, rows: int = 1, end: int | None = None, token_nats: np.ndarray | None = None
) -> float:
    """Return nats per token, every target counted once, tail included.

    Parameters
    ----------
    tokens : (N,). As a stream, its last N - 1 are predicted.
    rows : 1 reads the text as one stream, the exact definition. More read it at that many places
        side by side, each from a zero state: faster for large models, and slightly worse, since the
        first words of each row lack their context.
    end : where the tokens are sequences, the symbol that ends one; then all N are predicted, each from
        what stands before it in its sequence, and `rows` plays no part.
    token_nats : (N,) float64, set to the nats of every predicted token; None: they are only summed.
    """
    batches = windows_of(tokens, rows, end)
    nats, state = summed_nats(model, batches, token_nats=token_nats)
    if not isinstance(batches, Streams):
        return nats / len(tokens)
    if number := len(batches.tail[0]):  # goes on from the last row
        inputs, targets = (model.backend.to_device(np.ascontiguousarray(part)) for part in batches.tail)
        last = [tuple(array[-1:] for array in layer) for layer in state]
        each = None if token_nats is None else model.backend.empty(number, np.float64)
        nats += float(model.forward(inputs, targets, last, model.workspace(), token_nats=each)[0])
        if token_nats is not None:
            token_nats[-number:] = model.backend.to_host(each)
    return nats / (len(tokens) - 1)


def windows_of(tokens, rows: int = 1, end: int | None = None) -> Batches:
    """Return the windows in which a text is read for its loss; see `evaluate`."""
    if end is not None:
        return Sequences(tokens, end, SEQUENCE_ROWS, WINDOW_TOKENS // SEQUENCE_ROWS)
    return Streams(tokens, rows, max(1, WINDOW_TOKENS // rows))


def put(each: np.ndarray, places: np.ndarray, nats: np.ndarray) -> None:
    """Set each[place] to the nats of the target at that place, of the targets that count."""
    counted = places != IGNORE_INDEX
    each[places[counted]] = nats[counted]


def summed_nats(
    model: Model, batches: Batches, windows: int | None = None, token_nats: np.ndarray | None = None
) -> tuple[float, list[tuple]]:
    """Return the summed loss of the first windows (None: of all), and the state after the last of them.

    token_nats : see `evaluate`.
    """
    device = model.backend
    there, total, workspace = device_batches(batches, device), device.zeros((), np.float64), model.workspace()
    readers: dict[tuple, CapturedWindow] = {}
    # by the shape of the window, as the readers: of its targets, where asked for
    nats_of: dict[tuple, Any] = {}
    for k in range(len(batches) if windows is None else windows):
        inputs, targets = there.window(k)
        if k == 0:
            state = model.zero_state(inputs.shape[1])
        elif batches.starts_fresh(k):
            for array in arrays_of(state):
                array.fill(0)
        if inputs.shape not in readers:
            # a CUDA graph owns the arrays it works on
            own = model.workspace() if device.uses_cuda_graph else workspace
            nats_of[inputs.shape] = None if token_nats is None else device.empty(inputs.size, np.float64)
            forward = forward_pass(model, state, total, own, nats_of[inputs.shape])
            readers[inputs.shape] = CapturedWindow(forward, inputs.shape, device)
        readers[inputs.shape].read(inputs, targets)
        if token_nats is not None:
            put(token_nats, batches.positions(k).ravel(), device.to_host(nats_of[inputs.shape]))
    return float(total), state


def forward_pass(
    model: Model, state: list[tuple], total, workspace: Workspace, token_nats: Any = None
) -> Callable:
    """Return a function that reads a window: it adds the nats to `total` and carries `state` on.

    token_nats : see `Model.forward`.
    """

    def forward(inputs, targets) -> None:
        nats, after = model.forward(inputs, targets, state, workspace, token_nats=token_nats)
        total[...] += nats
        copy_state(state, after)

    return forward


def perplexity(loss: float) -> float:
    """Return exp of a loss in nats per token; infinite where that is too large for a float."""
    return math.exp(loss) if loss < 700 else math.inf


def loss_metrics(
    split: str, loss: float, level: str, kind: str = "", bytes_per_token: float | None = None
) -> dict[str, float]:
    """Return a loss in all the units it is recorded in: nats, perplexity, bits of characters and of bytes.

    Parameters
    ----------
    split : of the text, the first part of the metrics' names.
    loss : nats per token.
    level : what a token is, see `Corpus`.
    kind : stands before the units where the loss is not the usual one, such as "dlfs2_".
    bytes_per_token : the mean length of a token; None: bits of a byte are not recorded.
    """
    units = {f"{split}/{kind}loss": loss, f"{split}/{kind}ppl": perplexity(loss)}
    if level == "char":
        units[f"{split}/{kind}bpc"] = loss / math.log(2)
    if bytes_per_token:
        units[f"{split}/{kind}bpb"] = loss / math.log(2) / bytes_per_token
    return units
