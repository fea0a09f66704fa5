"""Cut a text into parts of words: byte pairs (Sennrich et al. 2016, arXiv:1508.07909), by Hugging Face's tokenizers.

They are made of bytes, so there is none that a vocabulary lacks. A tokenizer is kept as its JSON.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from rnnexp.errors import UserError
from rnnexp.installation import how_to_add

SIZE = 4000  # symbols, where nobody says
BYTES = 256  # which have a symbol each
NEWLINE = "Ċ"  # as GPT-2 writes it


def library() -> Any:
    """Return Hugging Face's tokenizers; UserError where it is not installed."""
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise UserError(
            f"dataset.level=bpe takes the package tokenizers: {how_to_add('bpe')}; or choose word or char"
        ) from None
    return tokenizers


def learn(text: str, size: int | None) -> str:
    """Return a tokenizer with `size` symbols at most, learnt from a text."""
    package = library()
    made = package.Tokenizer(package.models.BPE())
    before = package.pre_tokenizers
    # a newline is a part of its own, never one with the white space before it, for it can end a sequence
    made.pre_tokenizer = before.Sequence(
        [before.Split("\n", "isolated"), before.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = package.decoders.ByteLevel()
    alphabet = sorted(package.pre_tokenizers.ByteLevel.alphabet())
    trainer = package.trainers.BpeTrainer(
        vocab_size=size or SIZE, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(pieces(text), trainer)
    return made.to_str()


def pieces(text: str) -> Iterator[str]:
    """Return the lines of a text, each with its end: a part of a word is within one."""
    return (line for line in re.split(r"(?<=\n)", text) if line)


@cache
def loaded(tokenizer: str) -> Any:
    """Return a tokenizer as an object of the library."""
    return library().Tokenizer.from_str(tokenizer)


def symbols(tokenizer: str) -> list[str]:
    """Return what the tokens stand for, by number; a letter each for a byte, as GPT-2 has them."""
    numbers = loaded(tokenizer).get_vocab()
    return sorted(numbers, key=numbers.__getitem__)


def encode(tokenizer: str, text: str) -> np.ndarray:
    """Return the tokens (N,) of a text."""
    lines = loaded(tokenizer).encode_batch(list(pieces(text)))
    return np.array([token for line in lines for token in line.ids], np.int32)


def decode(tokenizer: str, tokens: Sequence[int]) -> str:
    """Return the text of tokens."""
    return loaded(tokenizer).decode(list(tokens))
