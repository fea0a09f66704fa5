"""Read 1,536 names of dinosaurs, each a sequence of its own: 26 letters and the end of the name.

They are the data of the character-level language model in Coursera's "Sequence Models", where 12 names stand
twice.
"""

from pathlib import Path
from typing import Annotated

from rnnexp.data.corpus import Corpus
from rnnexp.data.files import check, read_bytes
from rnnexp.data.lines import Shares, SplitSeed, of_lines
from rnnexp.data.texts import Reading
from rnnexp.options import path_to_folder

NAME = "dinos.txt"
SHA256 = "ad6465621cf56c08f71d4fbb40cf7eab763f9df42c54cc460d6c4d86e9c927fb"


def make(
    dir: Annotated[str, path_to_folder("holds dinos.txt, as the course has it", ".", (NAME,))],
    split: Shares = (0.9, 0.05, 0.05),
    split_seed: SplitSeed = 0,
) -> Corpus:
    """Return the names in small letters. (Copies of the file at public addresses differ by single bytes.)"""
    path = Path(dir) / NAME
    data = read_bytes(path)
    check(data, str(path), SHA256, "take the file of the course")
    return of_lines(data.decode().lower().splitlines(), Reading("char"), split, split_seed, str(path))
