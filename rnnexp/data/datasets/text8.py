"""Read text8 (Mahoney 2006): 100 million characters of Wikipedia, small letters and spaces."""

from pathlib import Path
from typing import Annotated

from rnnexp.data.corpus import Corpus
from rnnexp.data.files import decoded, read_bytes, require_counts
from rnnexp.data.texts import MaxTokens, Reading, of_stream
from rnnexp.options import path_to_folder

COUNTS = {"characters": 100_000_000, "symbols": 27}


def make(
    dir: Annotated[str, path_to_folder("holds text8", "text8", ("text8",))], max_tokens: MaxTokens = None
) -> Corpus:
    """Return the characters of `text8`: the first 90 million to train, 5 million each to validate and test."""
    path = Path(dir) / "text8"
    data = read_bytes(path)
    require_counts(path, {"characters": len(data), "symbols": len(set(data))}, COUNTS)
    return of_stream(decoded(data, str(path)), (0.9, 0.05, 0.05), Reading("char", max_tokens=max_tokens))
