"""What a recurrent layer reads: vectors, or symbols that stand for the rows of a table."""

import numpy as np

from rnnexp.ops import add_rows
from rnnexp.params import Tape
from rnnexp.threads import in_parts


class Vectors:
    """Inputs of a window as vectors x (T, B, D)."""

    def __init__(self, x):
        self.window = x.shape[:2]
        self.x = x.reshape(-1, x.shape[-1])

    def project(self, W, b, out, tape: Tape) -> None:
        """out = x @ W + b for every gate: W (G, D, H), b (G, H), out (G, T, B, H)."""
        flat = out.reshape(len(W), len(self.x), -1)
        np.matmul(self.x, W, out=flat)
        flat += b[:, None]

    def backward(self, da, W, dW, tape: Tape):
        """Set dW from the gradients da (G, T B, H) of what `project` gave; returns dx (T, B, D)."""
        np.matmul(self.x.T, da, out=dW)
        return sum_of_products(da, W, tape).reshape(*self.window, -1)


class Symbols:
    """Inputs of a window as symbols (T, B), each standing for a row of a table (V, D).

    The same as `Vectors(table[symbols])`, but the products go over the V rows of the table instead of
    the T B inputs: x @ W is (table @ W)[symbols]. Worth it where the window has more inputs than the
    vocabulary has symbols, as with characters.
    """

    def __init__(self, symbols, table):
        self.window = symbols.shape
        self.symbols, self.table = symbols.ravel(), table

    def project(self, W, b, out, tape: Tape) -> None:
        rows = np.matmul(self.table, W, out=tape.array("rows", (len(W), len(self.table), W.shape[2])))
        rows += b[:, None]
        # mode="clip" only because NumPy fills `out` through a copy otherwise
        np.take(rows, self.symbols, axis=1, out=out.reshape(len(W), len(self.symbols), -1), mode="clip")

    def backward(self, da, W, dW, tape: Tape):
        """Sets dW; returns the gradient of the table (V, D)."""
        one_hot = tape.array("one hot", (len(self.table), len(self.symbols)))
        one_hot.fill(0)
        one_hot[self.symbols, np.arange(len(self.symbols))] = 1
        drows = np.matmul(one_hot, da, out=tape.array("rows", (len(W), len(self.table), W.shape[2])))
        np.matmul(self.table.T, drows, out=dW)
        return sum_of_products(drows, W, tape)


def sum_of_products(da, W, tape: Tape):
    """The sum over the gates of da @ W.T, (N, D)."""
    shape = da.shape[1], W.shape[1]
    total = np.matmul(da[0], W[0].T, out=tape.array("dx", shape))
    for gate in range(1, len(W)):
        total += np.matmul(da[gate], W[gate].T, out=tape.array("dx of a gate", shape))
    return total
