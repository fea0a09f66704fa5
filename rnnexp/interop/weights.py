"""Read weights from elsewhere: plain npz files, and the layouts of the book, of PyTorch and of Keras.

Names and shapes, for a vocabulary of V, vectors of D and layers of H (D is V with one-hot inputs, and H from
the second layer on):

    embedding.W        (V, D)          absent with one-hot inputs
    cell<k>.W          (gates, D, H)   of the gates that the input feeds; x @ W[gate]
    cell<k>.U_<group>  (gates, H, H)   of the gates that a recurrent product feeds; h @ U[gate]
    cell<k>.b          (gates, H)
    decoder.W          (V, H)          absent where tied; h @ decoder.W.T
    decoder.b          (V,)

The gates, in order: rnn n; lstm i f o g with U_ifog; gru r z n with U_rz and U_n, or with reset=after
n r z m with U_rzm, where m is the candidate's recurrent part. One layer of each kind is brought into this
form by the functions below; `numpy.savez(file, **arrays)` makes the file.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from rnnexp.compute.parameters import require_header
from rnnexp.data.files import require_file
from rnnexp.errors import UserError, explained
from rnnexp.nn.model import Model
from rnnexp.records.npz import Npz

BESIDE = "meta", "optimizer", "state"  # how names begin of what a checkpoint holds besides the weights

MODEL = "cell=NAME and model.KEY=VALUE, or experiment=NAME, say what model it is for"

# the gates as they lie side by side there
BOOK = {"lstm": "fgio", "gru": "zrn", "rnn": "n"}
PYTORCH = {"lstm": "ifgo", "gru": "rzn", "rnn": "n"}
KERAS = {"lstm": "ifgo", "gru": "zrn", "rnn": "n"}


def load(model: Model, path: Path) -> None:
    """Set the parameters of a model to the arrays of an npz file, our checkpoints among them.

    Raises
    ------
    UserError where the file cannot be read, or lacks what the model needs or has more; before the numbers are read.
    """
    origin = f"weights={path}"
    try:
        require_file(path)
        with path.open("rb") as file:
            npz = Npz(file)
            require_names(model, npz.headers, origin)
            for name, shape in model.params.shapes.items():
                require_header(npz.headers[name], shape, f"{origin}: {name}")
            arrays = npz.read(model.params.shapes)
    except FileNotFoundError:
        raise UserError(f"{origin} does not exist") from None
    except (UserError, MemoryError):
        raise
    except Exception as error:  # whatever zipfile and NumPy raise over a file that is none of ours
        raise UserError(f"{origin} is no npz file of plain arrays: {explained(error)}") from error
    model.params.set(arrays, origin)


def require_names(model: Model, names: Collection[str], origin: str) -> None:
    """Raise UserError where names are not those of a model's parameters; what checkpoints add may be there."""
    shapes = model.params.shapes
    for name in shapes:
        if name not in names:
            raise UserError(f"{origin} lacks {name} of shape {shapes[name]}: {MODEL}")
    if "average" in names:
        raise UserError(
            f"{origin} is the last checkpoint of a run whose weights are averaged: give its best.npz, or run=FOLDER"
        )
    for name in names:
        if name not in shapes and name.partition(".")[0] not in BESIDE:
            raise UserError(
                f"{origin} has {name}, which this model does not: it has {', '.join(shapes)}; {MODEL}"
            )


def from_book(cell: str, Wx, Wh, b) -> dict:
    """Return a layer of "Deep Learning from Scratch 2" in our form.

    Wx (D, G H), Wh (H, G H) and b (G H,) have the gates side by side: those of the LSTM are f g i o, those of
    the GRU z, r and the candidate. The GRU's reset gate comes before the product, and its z is the share of the
    new state, which is 1 - z of ours.
    """
    parts = [split(array, BOOK[cell]) for array in (Wx, Wh, b)]
    if cell == "gru":
        for part in parts:
            part["z"] = -part["z"]  # 1 - sigmoid(a) = sigmoid(-a)
    return layer(cell, *parts)


def from_pytorch(cell: str, weight_ih, weight_hh, bias_ih, bias_hh) -> dict:
    """Return a layer of nn.LSTM, nn.GRU or nn.RNN in our form.

    The weights are (G H, D) and (G H, H), the biases (G H,); cell is "lstm", "gru" (ours with reset=after) or
    "rnn".
    """
    W, U, b, c = (split(np.asarray(a).T, PYTORCH[cell]) for a in (weight_ih, weight_hh, bias_ih, bias_hh))
    if cell == "gru":
        return reset_after(W, U, b, c)
    return layer(cell, W, U, {gate: b[gate] + c[gate] for gate in b})


def from_keras(cell: str, kernel, recurrent_kernel, bias) -> dict:
    """Return a layer of Keras in our form.

    The kernel is (D, G H), the recurrent_kernel (H, G H), the bias (G H,), or (2, 3 H) for a GRU with
    reset_after=True, its default (ours with reset=after).
    """
    W, U = split(kernel, KERAS[cell]), split(recurrent_kernel, KERAS[cell])
    if np.ndim(bias) == 2:
        return reset_after(W, U, split(bias[0], KERAS[cell]), split(bias[1], KERAS[cell]))
    return layer(cell, W, U, split(bias, KERAS[cell]))


def split(array, gates: str) -> dict:
    """Return the parts (..., H) of the gates that lie side by side in the last axis."""
    return dict(zip(gates, np.split(np.asarray(array), len(gates), axis=-1)))


def layer(cell: str, W: dict, U: dict, b: dict) -> dict:
    """Return the arrays of our layer, given those of each gate: W (D, H), U (H, H), b (H,)."""
    gates, groups = {"lstm": ("ifog", ["ifog"]), "gru": ("rzn", ["rz", "n"]), "rnn": ("n", ["n"])}[cell]
    products = {f"U_{group}": np.stack([U[gate] for gate in group]) for group in groups}
    return {"W": stacked(W, gates), **products, "b": stacked(b, gates)}


def reset_after(W: dict, U: dict, b: dict, c: dict) -> dict:
    """Return our GRU with reset=after, given the arrays of each gate.

    b and c (H,) are the biases of the products with the input and with the state.
    """
    bias = {"n": b["n"], "r": b["r"] + c["r"], "z": b["z"] + c["z"], "m": c["n"]}
    return {"W": stacked(W, "nrz"), "U_rzm": stacked(U, "rzn"), "b": stacked(bias, "nrzm")}


def stacked(arrays: dict, gates: str):
    return np.stack([arrays[gate] for gate in gates])
