"""A million characters of Shakespeare, 65 symbols: the text of Karpathy's char-rnn, as one stream."""

from pathlib import Path

from rnnexp.data.corpus import Corpus
from rnnexp.data.datasets.text import of_stream
from rnnexp.data.files import read_checked

NAME = "input.txt"
URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare"
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


def make(dir: str | None = None, url: str = URL, cache: str = "runs/data") -> Corpus:
    """The first 90% of the characters to train, 5% each to validate and test.

    Parameters
    ----------
    dir : folder that holds `input.txt`; None: it is downloaded once, to `cache`/tinyshakespeare.
    url : the address that it is downloaded from.
    """
    text = read_checked(NAME, SHA256, dir, Path(cache) / "tinyshakespeare", url)
    return of_stream(list(text), "char", (0.9, 0.05, 0.05))
