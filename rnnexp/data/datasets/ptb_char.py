"""Read Penn Treebank as characters: the words of Mikolov's files, each line without the spaces around it."""

from rnnexp.data.corpus import Corpus
from rnnexp.data.datasets.ptb import URL, Folder, read_ptb
from rnnexp.data.files import Cache, Url
from rnnexp.data.texts import MaxTokens, Reading, of_texts


def make(
    dir: Folder = None, url: Url = URL, cache: Cache = "runs/data", max_tokens: MaxTokens = None
) -> Corpus:
    """Return the characters of `ptb.{train,valid,test}.txt`: 5,017,482, 393,042 and 442,423 of 50 symbols."""
    texts = {
        split: "".join(f"{line.strip()}\n" for line in text.splitlines())
        for split, text in read_ptb(dir, url, cache).items()
    }
    return of_texts(texts, Reading("char", max_tokens=max_tokens))
