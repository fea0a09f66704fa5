"""Turn written text into a corpus: words, characters or parts of words, within the limits of a vocabulary."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from rnnexp.data import subwords
from rnnexp.data.corpus import Corpus, of_tokens, with_vocabulary
from rnnexp.data.vocabulary import BLOCK, END, NO_LIMITS, UNKNOWN, Limits, Numbering, Vocabulary, occurrences
from rnnexp.errors import UserError
from rnnexp.options import Option, at_least

NAMED = 5  # unknown symbols in a message
SPACE = re.compile(r"\s")
LAST = {"word": END, "char": "\n", "bpe": subwords.NEWLINE}  # the symbol that ends a line

MaxTokens = Annotated[
    int | None,
    Option("the first so many tokens of the training split; null: all", at_least(2), since_default=None),
]


class UnknownSymbols(UserError):
    """Say which symbols of a text a model does not know."""


@dataclass(frozen=True)
class Reading:
    """Say how a text is read.

    level : see `Corpus`.
    limits : of the vocabulary. max_tokens : of the training split; None: all.
    by_appearance : whether symbols are numbered in the order of their first appearance, else by frequency.
    """

    level: str = "word"
    limits: Limits = NO_LIMITS
    max_tokens: int | None = None
    by_appearance: bool = False


def of_stream(text: str, split: Sequence[float], how: Reading) -> Corpus:
    """Return the corpus of one stream, split in its order by the shares of train, valid and test."""

    def cut(whole):
        ends = [round(len(whole) * share) for share in (split[0], split[0] + split[1])]
        return {"train": whole[: ends[0]], "valid": whole[ends[0] : ends[1]], "test": whole[ends[1] :]}

    if how.level == "bpe":
        return of_texts(cut(text), how)
    numbering = Numbering()
    return of_numbers(numbering, cut(numbered(numbering, text, how.level)), how)


def of_texts(texts: Mapping[str, str], how: Reading, are_lines: bool = False) -> Corpus:
    """Return the corpus of a text for each split.

    are_lines : whether every line is a sequence of its own, but for empty ones; else each split is one stream.
    """
    if are_lines:
        texts = {split: whole_lines(text) for split, text in texts.items()}
    if how.level == "bpe":
        return of_subwords(texts, how, are_lines)
    numbering = Numbering()
    parts = {split: numbered(numbering, text, how.level) for split, text in texts.items()}
    return of_numbers(numbering, parts, how, are_lines)


def whole_lines(text: str) -> str:
    """Return the lines of a text that are not empty, each with its end."""
    return "".join(f"{line}\n" for line in text.split("\n") if line.strip())


def first_tokens(tokens: np.ndarray, number: int | None, end: int | None) -> np.ndarray:
    """Return at most the first so many tokens (N,), of sequences that end with `end` only whole ones.

    Raises
    ------
    UserError where the first sequence is longer.
    """
    cut = tokens[:number]
    if end is None or len(cut) == len(tokens):
        return cut
    ends = np.flatnonzero(cut == end)
    if not len(ends):
        raise UserError(f"dataset.max_tokens={number} is less than the first line has: take more")
    return cut[: ends[-1] + 1]


def numbered(numbering: Numbering, text: str, level: str) -> np.ndarray:
    """Return the numbers (N,) of the words or characters of a text; a newline between words is <eos>."""
    if level == "char":
        return numbering.characters(text)
    return numbering.words(words(text))


def words(text: str) -> Iterator[str]:
    """Yield the words of a text, a newline as <eos>, in blocks: a list of all would take ten times its memory."""
    start = 0
    while start < len(text):
        space = SPACE.search(text, start + BLOCK)
        stop = space.start() if space else len(text)
        yield from text[start:stop].replace("\n", f" {END} ").split()
        start = stop


def of_numbers(
    numbering: Numbering, parts: dict[str, np.ndarray], how: Reading, are_lines: bool = False
) -> Corpus:
    """Return the corpus of numbered words or characters; see `of_texts`."""
    symbols, last = numbering.symbols, LAST[how.level] if are_lines else None
    parts["train"] = first_tokens(parts["train"], how.max_tokens, numbering.index[last] if last else None)
    if how.by_appearance:
        known = [symbols[number] for number in dict.fromkeys(parts["train"].tolist())]
        lacks = len(known) < len(symbols) and UNKNOWN not in known
        return with_vocabulary(Vocabulary(known + [UNKNOWN] * lacks), symbols, parts, how.level, last)
    return of_tokens(symbols, parts, how.level, last, how.limits)


def of_subwords(texts: Mapping[str, str], how: Reading, are_lines: bool) -> Corpus:
    """Return the corpus of parts of words, which are learnt from the training split."""
    tokenizer = subwords.learn(texts["train"], how.limits.max_size)
    parts = {split: subwords.encode(tokenizer, text) for split, text in texts.items()}
    end = subwords.symbols(tokenizer).index(subwords.NEWLINE) if are_lines else None
    parts["train"] = first_tokens(parts["train"], how.max_tokens, end)
    return with_tokenizer(tokenizer, parts, are_lines)


def with_tokenizer(tokenizer: str, parts: Mapping[str, np.ndarray], are_lines: bool) -> Corpus:
    """Return the corpus of splits of parts of words (N,)."""
    vocabulary = Vocabulary(subwords.symbols(tokenizer))
    sizes = np.array([len(symbol) for symbol in vocabulary.symbols])  # a letter stands for a byte
    first = 0 if are_lines else 1
    return Corpus(
        vocabulary,
        dict(parts),
        "bpe",
        end=vocabulary.index[subwords.NEWLINE] if are_lines else None,
        bytes={split: int(sizes[part[first:]].sum()) for split, part in parts.items()},
        tokenizer=tokenizer,
    )


def read_as(known: Corpus, text: str, split: str, leave_out: bool = False) -> Corpus:
    """Return the corpus of one split of text, read as the data of `known` were: its vocabulary, its level.

    leave_out : whether symbols that `known` lacks are taken out of the text; else they are read as <unk>.

    Raises
    ------
    UnknownSymbols where such a symbol is left, and `known` has no <unk>.
    """
    if known.end is not None:
        text = whole_lines(text)
    if known.tokenizer:
        parts = {split: subwords.encode(known.tokenizer, text)}
        return with_tokenizer(known.tokenizer, parts, are_lines=known.end is not None)
    numbering = Numbering()
    numbers, index = numbered(numbering, text, known.level), known.vocabulary.index
    last = None if known.end is None else known.vocabulary.symbols[known.end]
    symbols = numbering.symbols
    is_known = np.array([symbol in index for symbol in symbols])
    if leave_out:
        whole, new = len(numbers), np.cumsum(is_known) - 1
        numbers = new[numbers[is_known[numbers]]]
        symbols = [symbol for symbol in symbols if symbol in index]
        corpus = with_vocabulary(known.vocabulary, symbols, {split: numbers}, known.level, last)
        return replace(corpus, left_out=whole - len(numbers))
    if UNKNOWN not in index and not is_known.all():
        raise UnknownSymbols(
            unknown_symbols(symbols, occurrences(numbers, len(symbols)), is_known, known.level)
        )
    return with_vocabulary(known.vocabulary, symbols, {split: numbers}, known.level, last)


def unknown_symbols(symbols: Sequence[str], counts: np.ndarray, is_known: np.ndarray, level: str) -> str:
    """Return which symbols of a text a model does not know, the most frequent named, with counts and share."""
    lacking = [number for number in np.argsort(-counts, kind="stable") if not is_known[number]]
    kind = {"word": "word", "char": "character"}[level] + "s" * (len(lacking) > 1)
    times, share = int(counts[lacking].sum()), counts[lacking].sum() / counts.sum()
    named = ", ".join(f"{symbols[number]!r} ({counts[number]})" for number in lacking[:NAMED])
    more = f" and {len(lacking) - NAMED:,} more" if len(lacking) > NAMED else ""
    return (
        f"the text has {len(lacking):,} {kind} that the model does not know, {times:,} of its "
        f"{counts.sum():,} tokens ({100 * share:.2f}%), and no <unk> stands for them: {named}{more}"
    )
