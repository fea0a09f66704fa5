"""Keep what each predicted token of the test split costs the best weights, in the order of the text.

The file has `nats` (M,) float32 and `targets` (M,) int32. Where the true distribution is known also `oracle` (M,)
float32, the nats of a model that knows it, `kind` (M,), a number in the names `kinds`, and `size` (M,), see `Truth`;
else `train_counts` (V,) int32, how often the training split has each token.
"""

from pathlib import Path

import numpy as np

from rnnexp.data.corpus import Corpus
from rnnexp.errors import one_line
from rnnexp.records.files import replacing
from rnnexp.records.npz import DAMAGE, Npz
from rnnexp.records.reading import Damaged


def write(path: Path, nats: np.ndarray, corpus: Corpus) -> None:
    """Write the nats (M,) of the test split of a corpus."""
    predicted = slice(corpus.first_target, None)
    arrays = {"nats": nats.astype(np.float32), "targets": corpus.splits["test"][predicted]}
    if truth := corpus.test_truth:
        arrays |= {"oracle": truth.nats[predicted], "kind": truth.kind[predicted]}
        arrays |= {"size": truth.size[predicted], "kinds": np.array(truth.kinds)}
    else:
        counts = np.bincount(corpus.splits["train"], minlength=len(corpus.vocabulary))
        arrays["train_counts"] = counts.astype(np.int32)
    with replacing(path) as file:
        np.savez_compressed(file, **arrays)


def read(path: Path) -> dict[str, np.ndarray] | None:
    """Return the arrays of a file; None where there is none."""
    try:
        with path.open("rb") as file:
            arrays = Npz(file)
            return arrays.read(arrays.members)
    except FileNotFoundError:
        return None
    except DAMAGE as error:
        raise Damaged(path, one_line(error), "the command that began the run makes it anew") from error
