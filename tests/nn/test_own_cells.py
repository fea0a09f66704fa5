"""A cell of anybody's, whatever functions and names it uses: compiled, it computes what its methods do."""

import numpy as np
import pytest

from rnnexp.compute import engine
from rnnexp.compute.backend import CPU
from rnnexp.compute.tracer import FUNCTIONS
from rnnexp.compute.workspace import Workspace
from rnnexp.nn import loops
from rnnexp.nn.cells.rnn import RNN
from rnnexp.nn.inputs import DenseInputs
from tests.helpers.variants import bound_layer

needs_numba = pytest.mark.skipif(bool(engine.missing("numba")), reason="numba is not installed")
T, B, D, H = 3, 2, 4, 5


def outputs(cell, dtype=np.float32):
    """Return the outputs of a cell with random parameters."""
    layer, params = bound_layer(cell, dtype)
    params.values[...] = np.random.default_rng(0).standard_normal(len(params.values))
    x = DenseInputs(np.ones((T, B, D), dtype))
    return layer.forward(x, layer.zero_state(B), Workspace(dtype, CPU))[0].copy()


class AllFunctions(RNN):
    def step(self, arrays, recurrent):
        super().step(arrays, recurrent)
        x = arrays["h"] + 2
        for function in FUNCTIONS:
            arrays["h"] += function(*(x, arrays["n"])[: function.nin])


@needs_numba
def test_every_function_that_is_read_can_be_compiled():
    with engine.use("numpy"):
        expected = outputs(AllFunctions(D, H))
    with engine.use("numba"):
        assert loops.why_not_compiled(AllFunctions(D, H)) is None
        np.testing.assert_allclose(outputs(AllFunctions(D, H)), expected, rtol=1e-5)
