"""Divide the logits by a temperature: above 1 where a model is too sure of itself, below where it is too little."""

from typing import Annotated

import numpy as np

from rnnexp.evaluation.reading import read
from rnnexp.evaluation.tuned import Tuned
from rnnexp.options import Option, Range, several

ALLOWED = Range("from 0.01 to 100", lambda v: 0.01 <= v <= 100)


class Temperature(Tuned):
    """Score a text in nats per token by softmax(logits / value), as the score `temperature_loss`."""

    def __init__(
        self,
        value: Annotated[list[float], Option("what logits are divided by", several(ALLOWED))],
    ):
        super().__init__("temperature", value=value)

    def nats(self, model, tokens, end, settings, prepared):
        for window in read(model, tokens, end):
            logits = window.logits()
            scaled, found = window.workspace.array("scaled", logits.shape), {}
            for (value,) in settings:
                np.multiply(logits, logits.dtype.type(1 / value), out=scaled)
                found[value,] = window.nats(scaled, model.decoder.p["b"] / logits.dtype.type(value))
            yield window.places, found


make = Temperature
