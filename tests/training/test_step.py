"""Training steps: windows of any length work in the memory of the longest."""

import numpy as np
import pytest

from rnnexp.compute import engine
from rnnexp.optim.sgd import SGD
from rnnexp.training.step import make
from tests.helpers.variants import small_model

B, V = 3, 12


def taken(lengths, each_alone=False):
    """Return a step that took windows of these lengths, and what came of them."""
    rng = np.random.default_rng(0)
    model = small_model("gru", num_layers=2, vocab_size=V, dropout=0.3, tie=True)
    with engine.use("numpy"):
        step = make(model, SGD(0.5, 0.25), 1, B)
        for number, T in enumerate(lengths):
            if each_alone:
                step.workspaces.clear()
            step.run(*rng.integers(V, size=(2, T, B)), number, 0.5, 1 / T / B)
    return step, step.results(), model.params.values


def memory(workspace):
    """Return the arrays in which a workspace keeps its own, by their addresses."""
    own = {array.ctypes.data: array.nbytes for array in workspace.memory.values()}
    for part in workspace.parts.values():
        own |= memory(part)
    return own


@pytest.mark.parametrize("lengths", [[4, 9, 6, 9, 4, 6], [9, 4, 6, 9], [1, 2, 3, 2, 1]])
def test_windows_of_many_lengths_are_worth_what_each_is_alone(lengths):
    _, results, values = taken(lengths)
    _, expected, alone = taken(lengths, each_alone=True)
    assert results == expected
    assert (values == alone).all()


def test_windows_of_many_lengths_need_no_more_memory_than_the_longest():
    step, *_ = taken([4, 9, 6, 9, 4, 6])
    longest, *_ = taken([9, 9])
    assert sorted(step.workspaces) == [4, 6, 9]
    needed = {}
    for workspace in step.workspaces.values():
        needed |= memory(workspace)
    assert sum(needed.values()) == sum(memory(longest.workspaces[9]).values())
    assert step.workspace(6) is step.workspace(6)
