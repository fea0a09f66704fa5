"""State the contract of a cell: the maths of one step, forward and backward."""

import math
from collections.abc import Iterable
from itertools import combinations
from typing import Annotated

import numpy as np

from rnnexp.options import Option

Bias = Annotated[bool, Option("whether the gates have biases")]


class Cell:
    """Define the maths of one recurrent step; `rnnexp.nn.recurrent.RecurrentLayer` takes it over a window.

    A cell names its gates with one letter each and says everything else in those letters:

    gates : all of them, such as "ifog".
    input_gates : those that the input feeds, `x @ W + b`; a leading part of `gates`.
    recurrent_matmuls : the recurrent products of a step. Each is named by the adjacent gates it feeds, and says
        what is multiplied: {"rz": "h_prev"} is h_prev @ U_rz, for both gates at once.
    diagonals : vectors (H,) that multiply an array of the step elementwise. Each is named by v_ and the gate that it
        feeds, and says what is multiplied: {"v_f": "c_prev"}, for arrays["f"] += arrays["v_f"] * arrays["c_prev"].
    states : what goes from step to step; the first is the layer's output h.
    saved : what else a step keeps for its backward pass.
    more_gradients : what else `local_gradients` computes besides a derivative for every gate.

    Parameters: W (input gates, D, H), U_<gates> of every recurrent product (its gates, H, H), the diagonals, and
    unless bias=False b (gates, H). First values: W normal with standard deviation 1 / sqrt(D), U with 1 / sqrt(H)
    ("Deep Learning from Scratch 2"), diagonals and b zero.

    A cell defines `step`, `local_gradients` and `step_backward`. The layer does the rest: the product with the
    input (all steps at once, before the loop), the loop over time, and the gradients of the weights (all steps
    at once, after the loop).

    The methods find their arrays in dictionaries, (B, H) each, or (T, B, H) for several steps: every gate under
    its letter, every group of adjacent gates under its letters ("rz", one array (2, B, H)), every state under
    its name, the state before the step under that with "_prev" ("h_prev"), the arrays that are saved, and the
    diagonals.

    What a cell cannot be
    ---------------------
    - States and gates have H numbers each: no projections, no state of another size.
    - A recurrent product multiplies one array (B, H), once a step. There may be none.
    - `diagonals` are vectors (H,) that multiply a state: `cells/peephole.py` has three.
    - The methods are NumPy's functions on whole arrays: no sums over B or H, no comparisons or branches on values, no
      indexing. They are read, and become compiled loops, or kernels of a GPU. What `rnnexp.compute.tracer` does not
      know, it refuses by name, and what is not the same each time (a counter, a random number). On the CPU such a cell
      still runs, by NumPy's steps, and a run says so.
    - Methods write into the arrays, and put no other in the place of one. `step` sets its states and saved arrays anew,
      and `local_gradients` leaves the states as they are.
    - Each name stands for one array: no state, saved array or diagonal is called as a gate or as each other.
    - The gradient is that of the step: a cell with another one (a straight-through estimator) is refused.
    - A step sees its own input and the states before it, never other steps.
    """

    gates: str
    input_gates: str
    recurrent_matmuls: dict[str, str]
    diagonals: dict[str, str] = {}
    states: tuple[str, ...] = ("h",)
    saved: tuple[str, ...] = ()
    more_gradients: tuple[str, ...] = ()

    def __init__(self, input_size: int, hidden_size: int, bias: Bias = True):
        self.require_letters()
        self.hidden_size, self.bias = hidden_size, bias
        self.gate_groups = gate_groups(self.gates)
        self.shapes: dict[str, tuple[int, ...]] = {
            "W": (len(self.input_gates), input_size, hidden_size),
            **{f"U_{group}": (len(group), hidden_size, hidden_size) for group in self.recurrent_matmuls},
        }
        if bias:
            self.shapes["b"] = len(self.gates), hidden_size
        self.shapes |= dict.fromkeys(self.diagonals, (hidden_size,))

    def require_letters(self) -> None:
        """Raise ValueError where the letters of the gates do not go together."""
        if len(set(self.gates)) < len(self.gates):
            raise ValueError(f"gates={self.gates!r} has a letter twice: each stands for one gate")
        if not self.input_gates or not self.gates.startswith(self.input_gates):
            raise ValueError(
                f"input_gates={self.input_gates!r} must be a leading part of gates={self.gates!r}"
            )
        groups = gate_groups(self.gates)
        for group in [*self.recurrent_matmuls, *(name.removeprefix("v_") for name in self.diagonals)]:
            if group not in groups:
                raise ValueError(f"a product feeds {group!r}, which are no adjacent gates of {self.gates!r}")
        self.require_names(groups)

    def require_names(self, groups: Iterable[str]) -> None:
        """Raise ValueError where a name cannot be one, or stands for two arrays of a step."""
        if list(self.states[:1]) != ["h"]:
            raise ValueError(f"states={self.states!r} must begin with 'h', the layer's output")
        before = [f"{name}_prev" for name in self.states]
        of_step = {"states": [*self.states, *before], "saved": self.saved, "diagonals": self.diagonals}
        for kinds in of_step, {"more_gradients": self.more_gradients}:
            owner = dict.fromkeys(groups, "gates")
            for kind, name in [(kind, name) for kind, names in kinds.items() for name in names]:
                if name in owner:
                    raise ValueError(f"{name!r} of {kind} is a name of {owner[name]} already")
                owner[name] = kind
            for name, kind in owner.items():
                if not f"_{name}".isidentifier():
                    raise ValueError(f"{name!r} of {kind} has more than letters, digits and underscores")

    def init(self, p: dict, rng: np.random.Generator) -> None:
        """Draw the first values of the parameters `p`, name -> array; the shapes are in `shapes`."""
        for name, shape in self.shapes.items():
            if name == "b" or name in self.diagonals:
                p[name].fill(0)
            else:
                gates, rows, columns = shape
                values = rng.normal(0, 1 / math.sqrt(rows), (rows, gates, columns))
                p[name][...] = values.swapaxes(0, 1)

    def step(self, arrays: dict, recurrent) -> None:
        """Take one step forward.

        Parameters
        ----------
        arrays : those of the step, (B, H) each. The gates hold the input's part of the preactivations; the step
            replaces it by the activated gates, and fills in the next states and the `saved` arrays.
        recurrent : `recurrent("rz", v)` is the recurrent product v @ U_rz.
        """
        raise NotImplementedError

    def local_gradients(self, arrays: dict, grads: dict) -> None:
        """Compute the part of the backward pass that needs no gradient from above, for many steps at once.

        This fills `grads`, which has an array (T, B, H) for every gate and for all `more_gradients`, with the
        local derivatives. They leave a few multiplications to `step_backward`.
        """
        raise NotImplementedError

    def step_backward(self, arrays: dict, grads: dict, recurrent, *dstate) -> None:
        """Take one step backward.

        Parameters
        ----------
        arrays : those of the step, (B, H) each, as `step` left them.
        grads : the step's local gradients, (B, H) each; this replaces those of the gates by the gradients of
            the preactivations.
        recurrent : `recurrent.back("rz", grads["rz"])` is grads["rz"] @ U_rz.T, summed over the gates.
        dstate : gradients (B, H) of the states after the step; this replaces them by those of the states before it.
        """
        raise NotImplementedError


def gate_groups(gates: str) -> dict:
    """Return every group of adjacent gates and its place among them: a number for "z", a slice for "rz"."""
    spans = combinations(range(len(gates) + 1), 2)
    return {gates[i:j]: (i if j == i + 1 else slice(i, j)) for i, j in spans}
