"""Time the parts of a training step, each without the parts inside it."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from unittest.mock import patch

PARTS = {  # what is timed -> the part it belongs to
    "rnnexp.nn.layers.Embedding.forward": "embedding",
    "rnnexp.nn.layers.Embedding.backward": "embedding",
    "rnnexp.nn.inputs.TokenInputs.project": "input projection",
    "rnnexp.nn.inputs.DenseInputs.project": "input projection",
    "rnnexp.nn.regularisers.Dropout.forward": "dropout",
    "rnnexp.nn.regularisers.Dropout.backward": "dropout",
    "rnnexp.nn.loops.forward": "time loop forward",
    "rnnexp.nn.loops.backward": "time loop backward",
    "rnnexp.nn.recurrent.RecurrentLayer.weight_gradients": "weight gradients",
    "rnnexp.nn.layers.Decoder.loss": "softmax",
    "rnnexp.nn.layers.Decoder.forward": "decoder",
    "rnnexp.nn.layers.Decoder.backward": "decoder",
    "rnnexp.optim.base.Optimizer.update": "clip and update",
    "rnnexp.nn.layers.run_all": "decoder products",
}


def seconds_by_part(step: Callable[[], object], steps: int) -> dict[str, float]:
    """Return the mean seconds that a step spends in each part, largest first, as the main thread measures them.

    Reading the clock takes a microsecond for each part, which counts in small models.
    """
    main = threading.get_ident()
    total: defaultdict[str, float] = defaultdict(float)
    inner = [0.0]  # seconds already counted by parts within the running ones

    def timed(part: str, function: Callable) -> Callable:
        def run(*args, **kwargs):
            if threading.get_ident() != main:
                return function(*args, **kwargs)
            inner.append(0.0)
            start = time.perf_counter()
            result = function(*args, **kwargs)
            spent = time.perf_counter() - start
            total[part] += spent - inner.pop()
            inner[-1] += spent
            return result

        return run

    with ExitStack() as patches:
        for target, part in PARTS.items():
            patcher = patch(target, autospec=False)
            function, _ = patcher.get_original()
            patches.enter_context(patch(target, timed(part, function)))
        for _ in range(steps):
            timed("the rest", step)()
    return {part: seconds / steps for part, seconds in sorted(total.items(), key=lambda item: -item[1])}
