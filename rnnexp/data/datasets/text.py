"""Read any UTF-8 file, as words, characters or parts of words, as one stream or line by line."""

import logging
import re
from pathlib import Path
from typing import Annotated

from rnnexp.data import subwords
from rnnexp.data.corpus import Corpus
from rnnexp.data.files import decoded, read_bytes
from rnnexp.data.lines import SHARES, Shares, SplitSeed, of_lines
from rnnexp.data.texts import MaxTokens, Reading, of_stream, of_texts
from rnnexp.data.vocabulary import END, Limits
from rnnexp.errors import UserError
from rnnexp.options import Option, at_least, one_of, path_to_file

log = logging.getLogger(__name__)
MARK = "\ufeff"  # byte order
LEVELS = one_of("word", "char", "bpe")


def make(
    path: Annotated[str, path_to_file("the text, UTF-8; with valid_path and test_path, what to train on")],
    level: Annotated[
        str, Option("words, between white space; every character; or bpe, parts of words", LEVELS)
    ] = "word",
    split: Shares = (0.9, 0.05, 0.05),
    lines: Annotated[
        bool, Option("true: every line is a sequence of its own; false: the file is one stream")
    ] = False,
    split_seed: SplitSeed = 0,
    valid_path: Annotated[
        str | None, path_to_file("the text to validate on; null: a share of path", since_default=None)
    ] = None,
    test_path: Annotated[
        str | None, path_to_file("the text to test on; null: a share of path", since_default=None)
    ] = None,
    min_count: Annotated[
        int,
        Option("rarer symbols of the training split are read as unknown", at_least(1), since_default=1),
    ] = 1,
    max_vocab: Annotated[
        int | None,
        Option(
            "the most symbols, the most frequent ones and the unknown one; null: no limit, with bpe 4000",
            at_least(2),
            since_default=None,
        ),
    ] = None,
    max_tokens: MaxTokens = None,
) -> Corpus:
    """Return the corpus of one file, split by ratio, or of three files.

    The vocabulary is that of the training split; what the other two have beyond it becomes <unk>. Between
    words a newline is <eos>.
    """
    LEVELS.require("dataset.level", level)
    SHARES.require("dataset.split", list(split))
    if (valid_path is None) != (test_path is None):
        raise UserError("dataset.valid_path and dataset.test_path go together: give both or none")
    if level == "bpe" and min_count > 1:
        raise UserError("dataset.min_count is for words and characters: with dataset.level=bpe set max_vocab")
    if level == "bpe" and max_vocab is not None and max_vocab < subwords.BYTES:
        raise UserError(
            f"dataset.max_vocab={max_vocab} must be at least {subwords.BYTES} with dataset.level=bpe: "
            "every byte has a symbol"
        )
    how = Reading(level, Limits(min_count, max_vocab), max_tokens)
    text = read_text(path, "dataset.path", level)
    if valid_path and test_path:
        others = {
            "valid": read_text(valid_path, "dataset.valid_path", level),
            "test": read_text(test_path, "dataset.test_path", level),
        }
        return of_texts({"train": text} | others, how, lines)
    if lines:
        return of_lines(text.removesuffix("\n").split("\n"), how, split, split_seed, f"dataset.path={path}")
    return of_stream(text, split, how)


def read_text(path: str, key: str, level: str) -> str:
    """Return the text of a UTF-8 file, every line end as a newline, without byte order marks.

    Raises
    ------
    UserError where it is not UTF-8 or empty, or has the word that stands for a newline.
    """
    text = decoded(read_bytes(Path(path)), f"{key}={path}")
    if within := text.removeprefix(MARK).count(MARK):
        log.info("%s has %d byte order marks within, which are left out", path, within)
    text = text.replace(MARK, "").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise UserError(f"{key}={path} is empty")
    if level == "word" and re.search(rf"(?<!\S){END}(?!\S)", text):
        raise UserError(
            f"{key}={path} has the word {END}, which stands for a newline: write a newline instead"
        )
    return text
