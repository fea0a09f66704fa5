"""Hold the arrays of a window, all steps together."""

import numpy as np

from rnnexp.compute.workspace import Workspace
from rnnexp.nn.cells.base import Cell


class Arrays(dict):
    """Hold the arrays of a step, into which a cell writes; what it puts in the place of one would be lost."""

    def __setitem__(self, name: str, array) -> None:
        if name not in self:
            raise TypeError(
                f"arrays[{name!r}] = ...: there is no such array; keep it in a variable, or name it in saved"
            )
        if array is not self[name]:
            raise TypeError(
                f"arrays[{name!r}] = ... puts another array in the place of the one to write into: "
                f"arrays[{name!r}][...] = ..., or out=arrays[{name!r}]"
            )


class Window:
    """Hold the arrays of a cell over T steps of B rows, and dictionaries of views into them.

    The arrays are the values that the steps compute, or (without states) the gradients in the same layout.

    Attributes
    ----------
    diagonals : name -> (H,), those of the layer.
    gates : (G, T, B, H). states : name -> (T + 1, B, H). saved : name -> (T, B, H).
    U : gates of a recurrent product -> the weights (gates, H, H) that multiply in this window.
    parts : the rows that each thread took.
    """

    def __init__(
        self,
        cell: Cell,
        shape: tuple[int, int],
        workspace: Workspace,
        states: tuple[str, ...],
        saved: tuple[str, ...],
    ):
        (T, B), H, array = shape, cell.hidden_size, workspace.array
        self.gate_groups = cell.gate_groups
        self.gates = array("gates", (len(cell.gates), T, B, H))
        self.states = {name: array(f"state {name}", (T + 1, B, H)) for name in states}
        self.saved = {name: array(f"saved {name}", (T, B, H)) for name in saved}
        self.U: dict = {}
        self.diagonals: dict = {}
        self.views: dict = {}
        self.parts: list[slice] = []

    def take(self, diagonals: dict) -> None:
        """Take the diagonals of a layer, which may be others than before."""
        if any(self.diagonals.get(name) is not vector for name, vector in diagonals.items()):
            self.diagonals, self.views = diagonals, {}

    def at(self, t: int | slice, rows: slice) -> Arrays:
        """Return views of some steps and rows, by the names that a cell's methods use."""
        views = {group: self.gates[place, t, rows] for group, place in self.gate_groups.items()}
        for name, array in self.states.items():
            views[name], views[f"{name}_prev"] = array[1:][t, rows], array[:-1][t, rows]
        views |= {name: array[t, rows] for name, array in self.saved.items()} | self.diagonals
        return Arrays(views)

    def reached(self, t: slice, rows: slice) -> Arrays:
        """Return what `at` does, with states to read only: what a step leaves is what the next one has before it."""
        views = self.at(t, rows)
        for name in self.states:
            for view in views[name], views[f"{name}_prev"]:
                if isinstance(view, np.ndarray):  # a GPU's cannot be protected
                    view.flags.writeable = False
        return views

    def steps(self, rows: slice) -> list[dict]:
        """Return the views of each step, made once, because making them takes as long as a small step's maths."""
        key = rows.start, rows.stop
        if key not in self.views:
            self.views[key] = [self.at(t, rows) for t in range(self.gates.shape[1])]
        return self.views[key]
