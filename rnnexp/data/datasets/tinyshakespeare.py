"""Read a million characters of Shakespeare, 65 symbols: the text of Karpathy's char-rnn, as one stream."""

from pathlib import Path
from typing import Annotated

from rnnexp.data.corpus import Corpus
from rnnexp.data.files import Cache, Url, read_checked
from rnnexp.data.texts import MaxTokens, Reading, of_stream
from rnnexp.options import path_to_folder

NAME = "input.txt"
URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare"
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


def make(
    dir: Annotated[
        str | None,
        path_to_folder("holds input.txt; null: download it once to cache", "tinyshakespeare", (NAME,)),
    ] = None,
    url: Url = URL,
    cache: Cache = "runs/data",
    max_tokens: MaxTokens = None,
) -> Corpus:
    """Return the text as a corpus: the first 90% of its characters to train, 5% each to validate and test."""
    text = read_checked(NAME, SHA256, dir, Path(cache) / "tinyshakespeare", url)
    return of_stream(text, (0.9, 0.05, 0.05), Reading("char", max_tokens=max_tokens))
