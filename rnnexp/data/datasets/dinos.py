"""1,536 names of dinosaurs, each a sequence of its own: 26 letters and the end of the name.

The data of the character-level language model in Coursera's "Sequence Models"; 12 names stand there twice.
"""

from pathlib import Path

from rnnexp.data.corpus import Corpus
from rnnexp.data.files import check, read_bytes
from rnnexp.data.lines import of_lines

SHA256 = "ad6465621cf56c08f71d4fbb40cf7eab763f9df42c54cc460d6c4d86e9c927fb"


def make(dir: str, split: tuple[float, float, float] = (0.9, 0.05, 0.05), split_seed: int = 0) -> Corpus:
    """The names in small letters.

    Parameters
    ----------
    dir : folder that holds the course's `dinos.txt`. (Its copies at public addresses differ by single bytes.)
    split : the shares of train, valid and test, of the names that differ.
    split_seed : of their order.
    """
    path = Path(dir) / "dinos.txt"
    data = read_bytes(path)
    check(data, str(path), SHA256, "take the file of the course")
    return of_lines(data.decode().lower().splitlines(), "char", split, split_seed, str(path))
