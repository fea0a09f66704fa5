"""Compute the loss of a model on a text, the sum of nats over all targets divided once, and its units."""

import math
from collections.abc import Callable

import numpy as np

from rnnexp.compute.workspace import Workspace
from rnnexp.data.batches import Batches, Sequences, Streams
from rnnexp.data.device import CapturedWindow, device_batches
from rnnexp.nn.model import Model, arrays_of, copy_state

# Tokens in a window of an evaluation: many enough for the decoder's product to run at full speed. The result
# does not depend on it, for the state is carried.
WINDOW_TOKENS = 512
SEQUENCE_ROWS = 16  # sequences side by side


def evaluate(model: Model, tokens, rows: int = 1, end: int | None = None) -> float:
    """Return nats per token, every target counted once, tail included.

    Parameters
    ----------
    tokens : (N,). As a stream, its last N - 1 are predicted.
    rows : 1 reads the text as one stream, the exact definition. More read it at that many places
        side by side, each from a zero state: faster for large models, and slightly worse, since the
        first words of each row lack their context.
    end : where the tokens are sequences, the symbol that ends one; then all N are predicted, each from
        what stands before it in its sequence, and `rows` plays no part.
    """
    if end is not None:
        sequences = Sequences(tokens, end, SEQUENCE_ROWS, WINDOW_TOKENS // SEQUENCE_ROWS)
        return summed_nats(model, sequences)[0] / len(tokens)
    batches = Streams(tokens, rows, max(1, WINDOW_TOKENS // rows))
    nats, state = summed_nats(model, batches)
    if len(batches.tail[0]):  # goes on from the last row
        inputs, targets = (model.backend.to_device(np.ascontiguousarray(part)) for part in batches.tail)
        last = [tuple(array[-1:] for array in layer) for layer in state]
        nats += float(model.forward(inputs, targets, last, model.workspace())[0])
    return nats / (len(tokens) - 1)


def summed_nats(model: Model, batches: Batches, windows: int | None = None) -> tuple[float, list[tuple]]:
    """Return the summed loss of the first windows (None: of all), and the state after the last of them."""
    device = model.backend
    there, total, workspace = device_batches(batches, device), device.zeros((), np.float64), model.workspace()
    readers: dict[tuple, CapturedWindow] = {}
    for k in range(len(batches) if windows is None else windows):
        inputs, targets = there.window(k)
        if k == 0:
            state = model.zero_state(inputs.shape[1])
        elif batches.starts_fresh(k):
            for array in arrays_of(state):
                array.fill(0)
        if inputs.shape not in readers:
            # a CUDA graph owns the arrays it works on
            forward = forward_pass(
                model, state, total, model.workspace() if device.uses_cuda_graph else workspace
            )
            readers[inputs.shape] = CapturedWindow(forward, inputs.shape, device)
        readers[inputs.shape].read(inputs, targets)
    return float(total), state


def forward_pass(model: Model, state: list[tuple], total, workspace: Workspace) -> Callable:
    """Return a function of inputs and targets (T, B) that adds their nats to `total` and moves `state` on."""

    def forward(inputs, targets) -> None:
        nats, after = model.forward(inputs, targets, state, workspace)
        total[...] += nats
        copy_state(state, after)

    return forward


def perplexity(loss: float) -> float:
    """Return exp of a loss in nats per token; infinite where that is too large for a float."""
    return math.exp(loss) if loss < 700 else math.inf


def loss_metrics(split: str, loss: float, level: str, kind: str = "") -> dict[str, float]:
    """Return a loss in all the units it is recorded in: nats, perplexity, for characters also bits.

    Parameters
    ----------
    split : of the text, the first part of the metrics' names.
    loss : nats per token.
    level : "word" or "char", what a token is.
    kind : stands before the units where the loss is not the usual one, such as "dlfs2_".
    """
    units = {f"{split}/{kind}loss": loss, f"{split}/{kind}ppl": perplexity(loss)}
    return units | ({f"{split}/{kind}bpc": loss / math.log(2)} if level == "char" else {})
