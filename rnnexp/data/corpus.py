"""Hold a text as numbers: a vocabulary and three splits of tokens."""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnexp.data import subwords
from rnnexp.data.vocabulary import END, NO_LIMITS, UNKNOWN, Limits, Vocabulary, choose, occurrences
from rnnexp.errors import UserError

log = logging.getLogger(__name__)
MANY_UNSEEN = 0.01  # of the tokens of a split


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
    level : "word", "char" or "bpe" (parts of words), what a token is.
    end : where a split is a set of sequences that have nothing to do with each other: the symbol that each
        of them ends with. None: a split is one stream.
    oracle : where the true distribution is known, for each split the nats per predicted token of a
        model that knows it: the best loss that can be expected of any model.
    test_truth : there, more about each token of the test split.
    unseen : for each split (N,) whether the token stands for a symbol that the vocabulary lacks; empty where
        that is never so.
    bytes : for each split the length in UTF-8 of what is predicted; empty where there is no written text.
    tokenizer : of parts of words, see `subwords`.
    left_out : tokens that were taken out of a text, because the vocabulary lacks them.
    """

    vocabulary: Vocabulary
    splits: dict
    level: str = "word"
    end: int | None = None
    oracle: dict[str, float] = field(default_factory=dict)
    test_truth: Truth | None = None
    unseen: dict[str, np.ndarray] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    tokenizer: str | None = None
    left_out: int = 0

    @property
    def first_target(self) -> int:
        """Return the place of the first token of a split that is predicted: of one stream the second."""
        return 1 if self.end is None else 0

    def targets(self, split: str) -> int:
        """Return the number of tokens of a split that are predicted."""
        return len(self.splits[split]) - self.first_target

    def unseen_share(self, split: str) -> float:
        """Return the share of the predicted tokens of a split that the vocabulary lacks."""
        if not self.unseen or self.targets(split) < 1:
            return 0.0
        return float(self.unseen[split][self.first_target :].mean())

    def bytes_per_token(self, split: str) -> float | None:
        """Return the mean length of a predicted token in UTF-8; None where there is no written text."""
        return self.bytes[split] / self.targets(split) if self.bytes else None

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
        if self.tokenizer:
            return subwords.decode(self.tokenizer, list(tokens))
        symbols = [self.vocabulary.symbols[token] for token in tokens]
        if self.level == "char":
            return "".join(symbols)
        return "\n".join(line.strip() for line in " ".join(symbols).split(END))

    def require(self, split: str, tokens: int, because: str, lower: str = "") -> None:
        """Raise UserError where a split has fewer tokens than `tokens`.

        because : what takes them. lower : what can be lowered, if there is such a thing.
        """
        if len(self.splits[split]) < tokens:
            raise UserError(
                f"the {split} split has {len(self.splits[split])} tokens, "
                f"but {because} takes at least {tokens}: take {lower and f'a lower {lower}, or '}a longer text"
            )


def of_tokens(
    symbols: Sequence[str],
    parts: Mapping[str, np.ndarray],
    level: str,
    last: str | None = None,
    limits: Limits = NO_LIMITS,
) -> Corpus:
    """Return the corpus of three splits of numbered symbols; see `with_vocabulary`.

    limits : of the vocabulary, which has symbols of the training split alone.
    """
    counts = occurrences(parts["train"], len(symbols))
    is_needed = any(bool((counts[part] == 0).any()) for part in parts.values())
    corpus = with_vocabulary(choose(symbols, counts, limits, is_needed, last), symbols, parts, level, last)
    for split in "valid", "test":
        if (share := corpus.unseen_share(split)) > MANY_UNSEEN:
            log.warning(unseen_warning(corpus, split, share))
    return corpus


def with_vocabulary(
    vocabulary: Vocabulary,
    symbols: Sequence[str],
    parts: Mapping[str, np.ndarray],
    level: str,
    last: str | None = None,
) -> Corpus:
    """Return the corpus of splits of numbered symbols; a symbol that the vocabulary lacks becomes <unk>.

    Parameters
    ----------
    symbols : by number, as from `Numbering`. parts : split -> (N,) numbers.
    level : see `Corpus`.
    last : the symbol that ends a sequence; None: each split is one stream.
    """
    is_known = np.array([symbol in vocabulary.index for symbol in symbols])
    unseen = {} if is_known.all() else {split: ~is_known[part] for split, part in parts.items()}
    numbers = vocabulary.encode(symbols)
    first = 0 if last else 1
    return Corpus(
        vocabulary,
        {split: numbers[part] for split, part in parts.items()},
        level,
        end=vocabulary.index[last] if last else None,
        unseen=unseen if any(mask.any() for mask in unseen.values()) else {},
        bytes={split: written_bytes(symbols, part[first:], level) for split, part in parts.items()},
    )


def written_bytes(symbols: Sequence[str], tokens: np.ndarray, level: str) -> int:
    """Return the length of tokens (N,) in UTF-8, words with one white space after each, <eos> as a newline."""
    sizes = np.array([len(symbol.encode()) for symbol in symbols])
    counts = occurrences(tokens, len(symbols))
    if level == "char":
        return int(counts @ sizes)
    is_end = np.array([symbol == END for symbol in symbols], bool)
    ends = is_end[tokens]
    after_word = np.count_nonzero(ends[1:] & ~ends[:-1])  # the newline is the white space of that
    return int(counts @ (sizes + 1) - counts[is_end] @ (sizes + 1)[is_end] + ends.sum() - after_word)


def unseen_warning(corpus: Corpus, split: str, share: float) -> str:
    """Return what to say of a split with many tokens that the vocabulary lacks."""
    warning = f"{100 * share:.1f}% of the {split} tokens are not in the vocabulary and read as {UNKNOWN}"
    trained = bool((corpus.splits["train"] == corpus.vocabulary.index[UNKNOWN]).any())
    if trained or corpus.level != "word":
        return f"{warning}; compare perplexities of the same vocabulary only"
    return (
        f"{warning}, which training never shows: their cost says little of a cell; "
        "dataset.min_count=2 trains it, dataset.level=bpe has no unseen words"
    )
