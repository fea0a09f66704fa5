"""Read any UTF-8 file, as words or as characters, as one stream or line by line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from rnnexp.data.corpus import END, Corpus, of_parts
from rnnexp.data.files import read_bytes
from rnnexp.data.lines import SHARES, Shares, SplitSeed, of_lines
from rnnexp.errors import UserError
from rnnexp.options import Option, one_of, path_to_file


def make(
    path: Annotated[str, path_to_file("the text, UTF-8")],
    level: Annotated[
        str, Option("words, between white space, or every character", one_of("word", "char"))
    ] = "word",
    split: Shares = (0.9, 0.05, 0.05),
    lines: Annotated[
        bool, Option("true: every line is a sequence of its own; false: the file is one stream")
    ] = False,
    split_seed: SplitSeed = 0,
) -> Corpus:
    """Return the corpus of one file, split by ratio.

    The vocabulary is that of the training split; what the other two have beyond it becomes <unk>. Between
    words a newline is <eos>.
    """
    if level not in ("word", "char"):
        raise UserError(f"dataset.level={level} is not known: choose word or char")
    SHARES.require("dataset.split", list(split))
    text = read_text(Path(path))
    if lines:
        return of_lines(text.removesuffix("\n").split("\n"), level, split, split_seed, f"dataset.path={path}")
    return of_stream(list(text) if level == "char" else text.replace("\n", f" {END} ").split(), level, split)


def of_stream(tokens: Sequence[str], level: str, split: Sequence[float]) -> Corpus:
    """Return the corpus of one stream, split in its order."""
    ends = [round(len(tokens) * share) for share in (split[0], split[0] + split[1])]
    parts = {"train": tokens[: ends[0]], "valid": tokens[ends[0] : ends[1]], "test": tokens[ends[1] :]}
    return of_parts(parts, level)


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, every line end as a newline; UserError where it is not UTF-8 or empty."""
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
