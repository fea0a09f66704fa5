"""Hold a text as numbers: a vocabulary and three splits of tokens."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnexp.errors import UserError

log = logging.getLogger(__name__)
UNKNOWN = "<unk>"
END = "<eos>"


class Vocabulary:
    """Number the symbols of a corpus (words or characters) from 0 to V - 1."""

    def __init__(self, symbols: Sequence[str]):
        self.symbols = list(symbols)
        self.index = {symbol: number for number, symbol in enumerate(self.symbols)}

    @classmethod
    def of(cls, tokens: Iterable[str]) -> "Vocabulary":
        """Return the vocabulary of all symbols that occur, the most frequent first."""
        counts = Counter(tokens)
        return cls(sorted(counts, key=lambda symbol: (-counts[symbol], symbol)))

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, tokens: Sequence[str]):
        """Return the numbers (N,) of the tokens; a token that is not in the vocabulary becomes <unk>, or a KeyError."""
        if UNKNOWN in self.index:
            unknown = self.index[UNKNOWN]
            return np.array([self.index.get(token, unknown) for token in tokens], np.int32)
        return np.array([self.index[token] for token in tokens], np.int32)


@dataclass(frozen=True)
class Truth:
    """Hold what is known of every token of a split that was drawn from a known distribution.

    Attributes
    ----------
    nats : (N,) float32, what the token costs a model that knows the distribution.
    kind : (N,) int8, what kind of place it was drawn for: a number in `kinds`.
    size : (N,) int16, how hard a place of its kind it is; what is counted depends on the kind.
    kinds : what the kinds are called.
    """

    nats: np.ndarray
    kind: np.ndarray
    size: np.ndarray
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Corpus:
    """Hold a data set that is ready for training.

    Attributes
    ----------
    splits : "train", "valid" and "test", each (N,) int32 tokens.
    level : "word" or "char", what a token is.
    end : where a split is a set of sequences that have nothing to do with each other: the symbol that each
        of them ends with. None: a split is one stream.
    oracle : where the true distribution is known, for each split the nats per predicted token of a
        model that knows it: the best loss that can be expected of any model.
    test_truth : there, more about each token of the test split.
    """

    vocabulary: Vocabulary
    splits: dict
    level: str = "word"
    end: int | None = None
    oracle: dict[str, float] = field(default_factory=dict)
    test_truth: Truth | None = None

    @property
    def first_target(self) -> int:
        """Return the place of the first token of a split that is predicted: of one stream the second."""
        return 1 if self.end is None else 0

    def digest(self) -> str:
        """Return a sha256 of the vocabulary and every token: the same for the same data, wherever it came from."""
        sha = hashlib.sha256(json.dumps(self.vocabulary.symbols).encode())
        if self.end is not None:
            sha.update(f"sequences end with {self.end}".encode())
        for split in "train", "valid", "test":
            sha.update(np.ascontiguousarray(self.splits[split], "<i4").tobytes())
        return sha.hexdigest()

    def text(self, tokens: Iterable[int]) -> str:
        """Return the tokens (N,) as text that people read."""
        symbols = [self.vocabulary.symbols[token] for token in tokens]
        if self.level == "char":
            return "".join(symbols)
        return "\n".join(line.strip() for line in " ".join(symbols).split(END))

    def require(self, split: str, tokens: int, because: str) -> None:
        """Raise UserError where a split has fewer tokens than `tokens`."""
        if len(self.splits[split]) < tokens:
            raise UserError(
                f"the {split} split has {len(self.splits[split])} tokens, "
                f"but {because} takes at least {tokens}"
            )


def of_parts(parts: Mapping[str, Sequence[str]], level: str, last: str | None = None) -> Corpus:
    """Return the corpus of three splits of symbols; see `Corpus` for `level`.

    The vocabulary is that of the training split; what the other two have beyond it becomes <unk>.

    Parameters
    ----------
    last : the symbol that ends a sequence; None: each split is one stream.
    """
    vocabulary = Vocabulary.of(parts["train"])
    unseen = sum(token not in vocabulary.index for part in parts.values() for token in part)
    if unseen:
        log.info("%d tokens of valid and test do not occur in train: they become %s", unseen, UNKNOWN)
        if UNKNOWN not in vocabulary.index:
            vocabulary = Vocabulary([*vocabulary.symbols, UNKNOWN])
    splits = {name: vocabulary.encode(part) for name, part in parts.items()}
    return Corpus(vocabulary, splits, level, end=vocabulary.index[last] if last else None)
