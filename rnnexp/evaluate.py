"""The loss of a model on a text: the sum of nats over all targets, divided once."""

import math

from rnnexp.data.streams import Streams
from rnnexp.model import Model

# Rows of logits in one window of an evaluation: many enough for the decoder's product to run at full
# speed. The result does not depend on it, for the state is carried.
ROWS = 512


def evaluate(model: Model, tokens, streams: int = 1) -> float:
    """Nats per token, every target counted once, tail included.

    Parameters
    ----------
    tokens : (N,), of which the last N - 1 are predicted.
    streams : 1 reads the text as one stream, the exact definition. More read it as that many streams
        side by side, each from a zero state: faster for large models, and slightly worse, since the
        first words of each stream lack their context.
    """
    batches = Streams(tokens, streams, max(1, ROWS // streams))
    tape, state, nats = model.tape(), model.zero_state(streams), 0.0
    for inputs, targets in batches:
        window_nats, state = model.forward(inputs, targets, state, tape)
        nats += window_nats
    inputs, targets = batches.tail
    if len(inputs):  # goes on from the last stream
        last = [tuple(array[-1:] for array in layer) for layer in state]
        nats += model.forward(inputs, targets, last, tape)[0]
    return nats / (len(tokens) - 1)


def perplexity(loss: float) -> float:
    """exp of nats per token; infinite where that is too large for a float."""
    return math.exp(loss) if loss < 700 else math.inf


def measures(split: str, loss: float, level: str) -> dict[str, float]:
    """A loss in all the units it is recorded in: nats, perplexity, for characters also bits."""
    units = {f"{split}/loss": loss, f"{split}/ppl": perplexity(loss)}
    return units | ({f"{split}/bpc": loss / math.log(2)} if level == "char" else {})
