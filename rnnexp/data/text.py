"""Any UTF-8 file, as words or as characters, split by ratio in the order of the file."""

import logging
import math
from pathlib import Path

from rnnexp.data.corpus import END, UNKNOWN, Corpus, Vocabulary
from rnnexp.data.files import read_bytes
from rnnexp.errors import UserError

log = logging.getLogger(__name__)


def make(path: str, level: str = "word", split: tuple[float, float, float] = (0.9, 0.05, 0.05)) -> Corpus:
    """One file as one stream.

    The vocabulary is that of the training split; what the other two have beyond it becomes <unk>.

    Parameters
    ----------
    path : the file.
    level : "word" (separated by white space, a newline becomes <eos>) or "char" (every character counts).
    split : the shares of train, valid and test; they sum to 1.
    """
    if level not in ("word", "char"):
        raise UserError(f"dataset.level={level} is not known: choose word or char")
    if len(split) != 3 or min(split) <= 0 or not math.isclose(sum(split), 1):
        raise UserError(
            f"dataset.split={list(split)} must be three positive shares (train, valid, test) that sum to 1"
        )
    text = read_text(Path(path))
    tokens = list(text) if level == "char" else text.replace("\n", f" {END} ").split()
    ends = [round(len(tokens) * share) for share in (split[0], split[0] + split[1])]
    parts = {"train": tokens[: ends[0]], "valid": tokens[ends[0] : ends[1]], "test": tokens[ends[1] :]}

    vocabulary = Vocabulary.of(parts["train"])
    unseen = sum(token not in vocabulary.index for name in ("valid", "test") for token in parts[name])
    if unseen:
        log.info("%d tokens of valid and test do not occur in train: they become %s", unseen, UNKNOWN)
        if UNKNOWN not in vocabulary.index:
            vocabulary = Vocabulary([*vocabulary.symbols, UNKNOWN])
    return Corpus(vocabulary, {name: vocabulary.encode(part) for name, part in parts.items()}, level)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, any kind of line end as a newline; UserError where it is none or empty."""
    data = read_bytes(path)
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UserError(
            f"dataset.path={path} is not UTF-8: byte {data[error.start]:#04x} at offset {error.start}; "
            f"convert it, with iconv -t utf-8 for instance"
        ) from error
    if not text.strip():
        raise UserError(f"dataset.path={path} is empty")
    return text.replace("\r\n", "\n").replace("\r", "\n")
