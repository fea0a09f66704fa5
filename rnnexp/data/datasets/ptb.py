"""Read Penn Treebank as Mikolov prepared it: 10,000 words, rare ones replaced by <unk>, numbers by N."""

from pathlib import Path
from typing import Annotated

from rnnexp.data.corpus import Corpus
from rnnexp.data.files import Cache, Url, read_checked
from rnnexp.data.texts import MaxTokens, Reading, of_texts
from rnnexp.options import Option, one_of, path_to_folder

URL = "https://raw.githubusercontent.com/tomsercu/lstm/master/data"
SHA256 = {
    "ptb.train.txt": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
    "ptb.valid.txt": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
    "ptb.test.txt": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
}
ORDER = one_of("frequency", "appearance")
Folder = Annotated[
    str | None,
    path_to_folder(
        "holds ptb.train.txt, ptb.valid.txt, ptb.test.txt; null: download them once to cache",
        "ptb",
        tuple(SHA256),
    ),
]


def make(
    dir: Folder = None,
    url: Url = URL,
    cache: Cache = "runs/data",
    order: Annotated[
        str, Option("of the words' numbers; appearance: as in the book, for weights trained with its", ORDER)
    ] = "frequency",
    max_tokens: MaxTokens = None,
) -> Corpus:
    """Return the words of `ptb.{train,valid,test}.txt`, a newline as <eos>.

    Words have numbers by frequency, or by first appearance as in "Deep Learning from Scratch 2".
    """
    ORDER.require("dataset.order", order)
    return of_texts(
        read_ptb(dir, url, cache), Reading(max_tokens=max_tokens, by_appearance=order == "appearance")
    )


def read_ptb(folder: str | None, url: str, cache: str) -> dict[str, str]:
    """Return the text of each split, from the user's folder or from a download kept in `cache`."""
    return {
        split: read_checked(name, SHA256[name], folder, Path(cache) / "ptb", url)
        for split in ("train", "valid", "test")
        for name in [f"ptb.{split}.txt"]
    }
