"""Read a text as a set of independent lines, such as names or sentences."""

import logging
import math
from collections.abc import Sequence
from random import Random
from typing import Annotated

from rnnexp.data.corpus import Corpus
from rnnexp.data.texts import Reading, of_texts
from rnnexp.errors import UserError
from rnnexp.options import Option, Range

log = logging.getLogger(__name__)
SPLITS = "train", "valid", "test"

SHARES = Range(
    "three positive shares (train, valid, test) that sum to 1",
    lambda split: len(split) == 3 and min(split) > 0 and math.isclose(sum(split), 1),
)
Shares = Annotated[
    tuple[float, float, float], Option("a stream is split in its order, lines at random", SHARES)
]
SplitSeed = Annotated[int, Option("of the order in which lines are drawn")]


def of_lines(lines: Sequence[str], how: Reading, split: Sequence[float], seed: int, origin: str) -> Corpus:
    """Return the corpus of lines, in a random order; empty ones are left out.

    Copies of a line are in the same split: else a model would be tested on what it was trained on. Two lines
    are copies where their words are.

    Parameters
    ----------
    split : the shares of train, valid and test, counted in distinct lines.
    seed : of the order.
    origin : where the lines come from, for errors.
    """
    full = [line for line in lines if line.strip()]
    if len(full) < len(lines):
        log.info("%d empty lines are left out", len(lines) - len(full))
    Random(seed).shuffle(full)
    if how.level == "word":
        full = [" ".join(line.split()) for line in full]
    distinct = list(dict.fromkeys(full))
    valid, test = (max(1, round(len(distinct) * share)) for share in split[1:])
    train = len(distinct) - valid - test
    if train < 1:
        raise UserError(
            f"{origin} has {len(distinct)} lines that differ; training, validation and test take one each"
        )
    named = [name for name, number in zip(SPLITS, (train, valid, test)) for _ in range(number)]
    split_of = dict(zip(distinct, named))
    parts: dict[str, list[str]] = {name: [] for name in SPLITS}
    for line in full:
        parts[split_of[line]].append(line)
    return of_texts({name: "\n".join(part) + "\n" for name, part in parts.items()}, how, are_lines=True)
