"""Number the symbols of a text, and choose those that a model knows."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rnnexp.errors import UserError

UNKNOWN = "<unk>"
END = "<eos>"
BLOCK = 1 << 20  # characters


class Vocabulary:
    """Number the symbols of a corpus (words, characters or parts of words) from 0 to V - 1."""

    def __init__(self, symbols: Sequence[str]):
        self.symbols = list(symbols)
        self.index = {symbol: number for number, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, tokens: Iterable[str]):
        """Return the numbers (N,) of tokens; one that is not in the vocabulary becomes <unk>, or a KeyError."""
        if UNKNOWN in self.index:
            unknown = self.index[UNKNOWN]
            return np.array([self.index.get(token, unknown) for token in tokens], np.int32)
        return np.array([self.index[token] for token in tokens], np.int32)


@dataclass(frozen=True)
class Limits:
    """Say which symbols of the training split a model knows; all others are <unk> to it.

    min_count : the least number of times that a symbol occurs.
    max_size : the most symbols, the most frequent ones, <unk> among them; None: no limit.
    """

    min_count: int = 1
    max_size: int | None = None

    @property
    def leaves_out(self) -> bool:
        """Return whether a symbol of the training split can become <unk>."""
        return self.min_count > 1 or self.max_size is not None


NO_LIMITS = Limits()


class Numbering:
    """Number symbols from 0 on as they appear, text by text."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}

    def words(self, words: Iterable[str]) -> np.ndarray:
        """Return the numbers (N,) of words."""
        index = self.index
        return np.fromiter((index.setdefault(word, len(index)) for word in words), np.int32)

    def characters(self, text: str) -> np.ndarray:
        """Return the numbers (N,) of the characters of a text."""
        numbers = np.empty(len(text), np.int32)
        table = np.full(sys.maxunicode + 1, -1, np.int32)
        for start in range(0, len(text), BLOCK):  # a text of 100 MB in little memory
            block = np.frombuffer(text[start : start + BLOCK].encode("utf-32-le"), np.uint32)
            for code in np.flatnonzero(np.bincount(block)):
                if table[code] < 0:
                    table[code] = self.index.setdefault(chr(code), len(self.index))
            numbers[start : start + BLOCK] = table[block]
        return numbers

    @property
    def symbols(self) -> list[str]:
        """Return the symbols by their numbers."""
        return list(self.index)


def occurrences(numbers: np.ndarray, size: int) -> np.ndarray:
    """Return how often each number below `size` occurs (size,), in blocks: NumPy makes 8 bytes of each first."""
    total = np.zeros(size, np.int64)
    for start in range(0, len(numbers), BLOCK):
        total += np.bincount(numbers[start : start + BLOCK], minlength=size)
    return total


def choose(
    symbols: Sequence[str], counts: np.ndarray, limits: Limits, is_needed: bool, keep: str | None = None
) -> Vocabulary:
    """Return the vocabulary of the symbols that are known, the most frequent first.

    Parameters
    ----------
    counts : (S,) how often each symbol occurs in the training split.
    is_needed : whether <unk> must be known, since another split has symbols that this one lacks. Where it
        does not occur in the training split, it is the last.
    keep : a symbol that is known whatever the limits.
    """
    count = {symbol: int(n) for symbol, n in zip(symbols, counts) if n}
    if limits.leaves_out:
        room = len(count) if limits.max_size is None else limits.max_size - 1  # for <unk>
        frequent = [symbol for symbol in by_frequency(count) if count[symbol] >= limits.min_count]
        first = [keep] if keep in count else []
        known = [*first, *(symbol for symbol in frequent if symbol not in (UNKNOWN, keep))][:room]
        if not known:
            raise UserError(
                f"dataset.min_count={limits.min_count} leaves no symbol: the most frequent occurs "
                f"{max(count.values(), default=0)} times"
            )
        rare = sum(count.values()) - sum(count[symbol] for symbol in known)
        count = {symbol: count[symbol] for symbol in known} | {UNKNOWN: rare}
    elif is_needed:
        count.setdefault(UNKNOWN, 0)
    return Vocabulary(by_frequency(count))


def by_frequency(count: dict[str, int]) -> list[str]:
    """Return the symbols, the most frequent first, equally frequent ones in the order of their letters."""
    return sorted(count, key=lambda symbol: (-count[symbol], symbol))
