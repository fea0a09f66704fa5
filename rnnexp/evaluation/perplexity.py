"""The loss of a model on a text: the sum of nats over all targets, divided once."""

import math
from collections.abc import Callable

import numpy as np

from rnnexp.compute.workspace import Workspace
from rnnexp.data.batches import Streams
from rnnexp.data.device import CapturedWindow, device_batches
from rnnexp.data.sequences import Sequences
from rnnexp.nn.model import Model, arrays_of, copy_state

# Rows of logits in one window of an evaluation: many enough for the decoder's product to run at full
# speed. The result does not depend on it, for the state is carried.
ROWS = 512
SIDE_BY_SIDE = 16  # sequences


def evaluate(model: Model, tokens, streams: int = 1, end: int | None = None) -> float:
    """Nats per token, every target counted once, tail included.

    Parameters
    ----------
    tokens : (N,). As a stream, its last N - 1 are predicted.
    streams : 1 reads the text as one stream, the exact definition. More read it as that many streams
        side by side, each from a zero state: faster for large models, and slightly worse, since the
        first words of each stream lack their context.
    end : where the tokens are sequences, the symbol that ends one; then all N are predicted, each from
        what stands before it in its sequence, and `streams` plays no part.
    """
    if end is not None:
        return summed_nats(model, Sequences(tokens, end, SIDE_BY_SIDE, ROWS // SIDE_BY_SIDE))[0] / len(tokens)
    batches = Streams(tokens, streams, max(1, ROWS // streams))
    nats, state = summed_nats(model, batches)
    if len(batches.tail[0]):  # goes on from the last stream
        inputs, targets = (model.backend.to_device(np.ascontiguousarray(part)) for part in batches.tail)
        last = [tuple(array[-1:] for array in layer) for layer in state]
        nats += float(model.forward(inputs, targets, last, model.workspace())[0])
    return nats / (len(tokens) - 1)


def dlfs2_loss(model: Model, tokens) -> float:
    """Nats per token by the protocol of "Deep Learning from Scratch 2" (common/util.py, eval_perplexity).

    10 streams in windows of 35; what fills no window is dropped, and so are what a stream knows of the text
    before it; the mean of the windows' means.
    """
    batches = Streams(tokens, batch_size=10, bptt=35)
    full = len(batches.inputs) // batches.bptt
    nats, _ = summed_nats(model, batches, full)
    return nats / (full * batches.loss_denominator)


def summed_nats(
    model: Model, batches: Streams | Sequences, windows: int | None = None
) -> tuple[float, list[tuple]]:
    """Of the first windows, all by default, and the state after the last of them."""
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
            # what a graph works on is nobody else's
            forward = forward_pass(
                model, state, total, model.workspace() if device.uses_cuda_graph else workspace
            )
            readers[inputs.shape] = CapturedWindow(forward, inputs.shape, device)
        readers[inputs.shape].read(inputs, targets)
    return float(total), state


def forward_pass(model: Model, state: list[tuple], total, workspace: Workspace) -> Callable:
    """What reads a window: adds its nats to `total`, carries `state` on."""

    def forward(inputs, targets) -> None:
        nats, after = model.forward(inputs, targets, state, workspace)
        total[...] += nats
        copy_state(state, after)

    return forward


def perplexity(loss: float) -> float:
    """exp of nats per token; infinite where that is too large for a float."""
    return math.exp(loss) if loss < 700 else math.inf


def loss_metrics(split: str, loss: float, level: str) -> dict[str, float]:
    """A loss in all the units it is recorded in: nats, perplexity, for characters also bits."""
    units = {f"{split}/loss": loss, f"{split}/ppl": perplexity(loss)}
    return units | ({f"{split}/bpc": loss / math.log(2)} if level == "char" else {})
