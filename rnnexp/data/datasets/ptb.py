"""Penn Treebank as Mikolov prepared it: 10,000 words, rare ones replaced by <unk>, numbers by N."""

from pathlib import Path

from rnnexp.data.corpus import END, Corpus, Vocabulary
from rnnexp.data.files import read_checked
from rnnexp.errors import UserError

URL = "https://raw.githubusercontent.com/tomsercu/lstm/master/data"
SHA256 = {
    "ptb.train.txt": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
    "ptb.valid.txt": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
    "ptb.test.txt": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
}


def make(
    dir: str | None = None, url: str = URL, cache: str = "runs/data", order: str = "frequency"
) -> Corpus:
    """Words of `ptb.{train,valid,test}.txt`, a newline as <eos>.

    Parameters
    ----------
    dir : folder that holds the three files; None: they are downloaded once, to `cache`/ptb.
    url : the address that they are downloaded from.
    order : of the words' numbers: by "frequency", or by first "appearance" as in "Deep Learning from Scratch
        2", for weights that were trained with its numbers.
    """
    if order not in ("frequency", "appearance"):
        raise UserError(f"dataset.order={order} is not known: choose frequency or appearance")
    words = {}
    for split in "train", "valid", "test":
        name = f"ptb.{split}.txt"
        text = read_checked(name, SHA256[name], dir, Path(cache) / "ptb", url)
        words[split] = text.replace("\n", f" {END} ").split()
    by_appearance = Vocabulary(list(dict.fromkeys(words["train"])))
    vocabulary = Vocabulary.of(words["train"]) if order == "frequency" else by_appearance
    return Corpus(vocabulary, {split: vocabulary.encode(tokens) for split, tokens in words.items()})
