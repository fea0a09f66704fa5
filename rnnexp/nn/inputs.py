"""Bring the inputs of a recurrent layer to its gates: vectors, or tokens that stand for the rows of a table."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rnnexp.compute.ops import Ops
from rnnexp.compute.threads import in_parallel, parts_alike
from rnnexp.compute.workspace import Workspace


class DenseInputs:
    """Read the inputs of a window as vectors x (T, B, D)."""

    def __init__(self, x):
        self.window = x.shape[:2]
        self.x = x.reshape(-1, x.shape[-1])

    def project(self, W, b, out, workspace: Workspace) -> None:
        """Set out = x @ W + b for every gate: W (G, D, H), b (G, H), out (G, T, B, H)."""
        matmul = workspace.backend.matmul
        flat = out.reshape(len(W), len(self.x), -1)

        def some(rows: slice) -> None:
            matmul(self.x[rows], W, flat[:, rows])
            flat[:, rows] += b[:, None]

        in_parallel(some, parts_alike(("project", W.shape, out.shape), len(self.x), 1, some, [flat]))

    def gradients(self, da, W, dW, workspace: Workspace) -> tuple[list[Callable], Any]:
        """Return functions that set dW and the gradient of x, called in any order, and that gradient (T, B, D).

        da (G, T B, H) is the gradient of what `project` set, W and dW are (G, D, H).
        """
        backend = workspace.backend
        dx, scratch = workspace.array("dx", self.x.shape), workspace.array("dx of a gate", self.x.shape)

        def sum_rows(rows: slice) -> None:
            sum_of_products(backend, da[:, rows], W, scratch[rows], dx[rows])

        jobs = backend.stacked_matmul_jobs(self.x.T, da, dW)
        parts = parts_alike(("dx", W.shape, dx.shape), len(dx), 1, sum_rows, [dx])
        jobs += [partial(sum_rows, rows) for rows in parts]
        return jobs, dx.reshape(*self.window, -1)


class TokenInputs:
    """Read the inputs of a window as tokens (T, B), each standing for a row of a table (V, D), -1 for zeros.

    This computes the same as `DenseInputs(table[tokens])`, but its products go over the V rows of the table
    instead of the T B inputs: x @ W is (table @ W)[tokens].
    """

    @staticmethod
    def is_cheaper(tokens, table, backend: Ops) -> bool:
        """Return whether products over the table (V, D) save time, as they do with characters.

        They save time where they take fewer multiplications: three products over the table and one that sums the
        gradients of equal tokens, instead of three over the inputs. On a GPU, where multiplications cost little,
        they never do.
        """
        V, D = table.shape
        fewer = V * (3 * D + tokens.size) < 3 * tokens.size * D
        return fewer and not backend.cheap_multiplications

    def __init__(self, tokens, table):
        self.window = tokens.shape
        self.tokens, self.table = tokens.ravel(), table

    def project(self, W, b, out, workspace: Workspace) -> None:
        """Set out = x @ W + b for every gate, as `DenseInputs.project` does."""
        rows = workspace.array("rows with zeros", (len(W), len(self.table) + 1, W.shape[2]))
        workspace.backend.matmul(self.table, W, rows[:, :-1])
        rows[:, -1] = 0  # the row that -1 finds
        rows += b[:, None]
        flat = out.reshape(len(W), len(self.tokens), -1)

        def gate(g: int) -> None:
            # mode="wrap" also because NumPy fills `out` through a copy by default
            np.take(rows[g], self.tokens, axis=0, out=flat[g], mode="wrap")

        in_parallel(gate, range(len(W)))

    def gradients(self, da, W, dW, workspace: Workspace) -> tuple[list[Callable], Any]:
        """Return what `DenseInputs.gradients` does, with the gradient of the table (V, D) in place of that of x."""
        one_hot = workspace.array("one hot", (len(self.table) + 1, len(self.tokens)))
        one_hot.fill(0)
        one_hot[self.tokens, np.arange(len(self.tokens))] = 1
        one_hot = one_hot[:-1]
        drows = workspace.array("rows", (len(W), len(self.table), W.shape[2]))
        dtable = workspace.array("dtable", self.table.shape)

        backend = workspace.backend

        def everything():
            backend.matmul(one_hot, da, drows)
            backend.matmul(self.table.T, drows, dW)
            sum_of_products(backend, drows, W, workspace.array("dtable of a gate", dtable.shape), dtable)

        return [everything], dtable


def sum_of_products(backend: Ops, da, W, scratch, out) -> None:
    """Set `out` to the sum over the gates of da @ W.T, (N, D); `scratch` is an array of that shape."""
    backend.matmul(da[0], W[0].T, out)
    for gate in range(1, len(W)):
        backend.add_matmul(da[gate], W[gate].T, scratch, out)
