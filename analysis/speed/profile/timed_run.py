"""Run `rnnexp` and print what its training spent, as a last line of JSON.

training, computation : seconds of training, and of what model, optimizer and evaluation compute in it.
first_update : when the first update was done, in seconds since 1970.
"""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from rnnexp.cli.main import main as rnnexp

FIRST_UPDATE = "rnnexp.optim.base.Optimizer.update"
TIMED = {  # what is timed -> what it counts as
    "rnnexp.experiment.runner.train_and_test": "training",
    "rnnexp.experiment.train_and_test.final_metrics": "computation",
    "rnnexp.training.loop.evaluate": "computation",
    "rnnexp.nn.model.Model.forward": "computation",
    "rnnexp.nn.model.Model.backward": "computation",
    FIRST_UPDATE: "computation",
}


class Stopwatch:
    """Add up the seconds of calls by what these count as.

    A call within another of the same kind is part of that one.
    """

    def __init__(self) -> None:
        self.spent: dict[str, Any] = {"training": 0.0, "computation": 0.0, "first_update": None}
        self.running: list[str] = []

    def timed(self, target: str, function: Callable) -> Callable:
        """Return a function that does the same and times each call."""
        kind = TIMED[target]

        def call(*args, **kwargs):
            counts = kind not in self.running  # an evaluation calls the model's forward pass
            self.running.append(kind)
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.running.pop()
                if counts:
                    self.spent[kind] += time.perf_counter() - start
                if target == FIRST_UPDATE:
                    self.spent["first_update"] = self.spent["first_update"] or time.time()

        return call


def main() -> None:
    """Run `rnnexp` with the arguments of the command line, and time it."""
    watch = Stopwatch()
    with ExitStack() as patches:
        for target in TIMED:
            function, _ = patch(target).get_original()
            patches.enter_context(patch(target, watch.timed(target, function)))
        assert rnnexp() == 0
    print(json.dumps(watch.spent))


if __name__ == "__main__":
    main()
