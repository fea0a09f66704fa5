"""Read WikiText-2 (Merity et al. 2016, arXiv:1609.07843): articles of Wikipedia, rare words replaced by <unk>."""

from pathlib import Path
from typing import Annotated

from rnnexp.data.corpus import Corpus
from rnnexp.data.files import decoded, read_bytes, require_counts
from rnnexp.data.texts import MaxTokens, Reading, of_texts
from rnnexp.options import path_to_folder

COUNTS = {"train": 2_088_628, "valid": 217_646, "test": 245_569}  # words, newlines as <eos> among them
FILES = {split: f"wiki.{split}.tokens" for split in COUNTS}


def make(
    dir: Annotated[
        str, path_to_folder(f"holds {', '.join(FILES.values())}", "wikitext-2", tuple(FILES.values()))
    ],
    max_tokens: MaxTokens = None,
) -> Corpus:
    """Return the words of `wiki.{train,valid,test}.tokens`, a newline as <eos>."""
    paths = {split: Path(dir) / name for split, name in FILES.items()}
    texts = {split: decoded(read_bytes(path), str(path)) for split, path in paths.items()}
    for split, text in texts.items():
        require_counts(
            paths[split], {"words": len(text.split()) + text.count("\n")}, {"words": COUNTS[split]}
        )
    return of_texts(texts, Reading(max_tokens=max_tokens))
