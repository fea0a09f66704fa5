"""Make the copying task: letters, blanks, a mark, and the same letters again; its best reachable loss is known.

    c a f _ _ _ _ : c a f <eos>

Every line is a sequence of its own, which a model reads from nothing. Its letters are drawn with equal odds, so
each costs the logarithm of their number; all that follows is certain to a model that remembers the letters and
counts the blanks. Every split is drawn anew, so that sequences of few letters come again in the test split: what it
asks for is memory over the lag. (After Hochreiter & Schmidhuber 1997 and Arjovsky et al. 2016, who ask for the second
letters alone.)

What a symbol asks of a memory depends on its place:

- letter: one of the first letters; nothing helps
- wait: a blank, or the mark; the size is the number of blanks before it
- recall: one of the second letters; the size is its distance from the letter that it repeats
- end: after the last letter
"""

import math
from random import Random
from string import ascii_lowercase
from typing import Annotated

import numpy as np

from rnnexp.data.corpus import Corpus, Truth
from rnnexp.data.vocabulary import END, Vocabulary
from rnnexp.options import Option, within

BLANK, MARK = "_", ":"
KINDS = LETTER, WAIT, RECALL, LAST = "letter", "wait", "recall", "end"
SOME = within(1, 100_000)  # sequences of a split


def make(
    seed: Annotated[int, Option("of the letters, apart from that of a run, so that runs share them")] = 0,
    alphabet: Annotated[int, Option("how many different letters there are", within(2, 26))] = 8,
    remember: Annotated[int, Option("letters to remember, in each sequence", within(1, 100))] = 5,
    lag: Annotated[int, Option("blanks between the letters and the mark", within(0, 1_000))] = 20,
    train_sequences: Annotated[int, Option("sequences of the training split", SOME)] = 5_000,
    valid_sequences: Annotated[int, Option("sequences of the validation split", SOME)] = 500,
    test_sequences: Annotated[int, Option("sequences of the test split", SOME)] = 1_000,
) -> Corpus:
    """Return the corpus of a seed: the same seed, the same tokens, on every machine."""
    numbers = {"train": train_sequences, "valid": valid_sequences, "test": test_sequences}
    length = 2 * remember + lag + 2
    vocabulary = Vocabulary([*ascii_lowercase[:alphabet], BLANK, MARK, END])
    after = vocabulary.encode([BLANK] * lag + [MARK])
    end = vocabulary.index[END]
    splits = {}
    for split, number in numbers.items():
        random = Random(f"{seed} {split}")  # its random() is the same in every version of Python
        drawn = [int(random.random() * alphabet) for _ in range(number * remember)]
        letters = np.array(drawn, np.int32).reshape(number, remember)
        waits, ends = np.tile(after, (number, 1)), np.full((number, 1), end, np.int32)
        splits[split] = np.hstack([letters, waits, letters, ends]).ravel()
    best = remember * math.log(alphabet) / length
    return Corpus(
        vocabulary,
        splits,
        end=end,
        oracle=dict.fromkeys(splits, best),
        test_truth=truth(alphabet, remember, lag, test_sequences),
    )


def truth(alphabet: int, remember: int, lag: int, sequences: int) -> Truth:
    """Return what is known of every token of so many sequences."""
    places = [
        *[(math.log(alphabet), LETTER, 0)] * remember,
        *((0.0, WAIT, blanks) for blanks in range(lag + 1)),
        *[(0.0, RECALL, remember + lag + 1)] * remember,
        (0.0, LAST, 0),
    ]
    nats, kinds, sizes = zip(*places)
    return Truth(
        np.tile(np.array(nats, np.float32), sequences),
        np.tile(np.array([KINDS.index(kind) for kind in kinds], np.int8), sequences),
        np.tile(np.array(sizes, np.int16), sequences),
        KINDS,
    )
