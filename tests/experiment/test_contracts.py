"""Hold a cell of the user's to its contract, before anything is made."""

from threading import Lock

import numpy as np
import pytest

from rnnexp.errors import UserError
from rnnexp.experiment import own_parts
from rnnexp.experiment.contracts import require_gradients, require_repeatable, try_out
from rnnexp.nn.cells import CELLS
from rnnexp.nn.cells.rnn import RNN
from rnnexp.nn.loops import why_not_compiled
from tests.nn.test_own_cells import Counts, changed


@pytest.mark.parametrize("name", CELLS)
def test_the_gradient_of_every_cell_is_its_own(name):
    require_gradients(CELLS[name](3, 4))


def cornered(function, slope):
    """Return an RNN whose output goes through a function, which has its slope at the output of the RNN."""

    def step(self, arrays, _):
        arrays["before"][...] = arrays["h"]
        function(arrays["before"], out=arrays["h"])

    def local_gradients(self, arrays, grads):
        grads["n"][...] = (1 - arrays["before"] ** 2) * slope(arrays["before"])

    kind = changed(step=step, local_gradients=local_gradients)
    kind.saved = ("before",)
    return kind


def single(x, out):
    out[...] = x.astype(np.float32)


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (np.abs, np.sign),
        (np.sign, lambda x: 0 * x),
        (lambda x, out: np.clip(x, -0.3, 0.3, out=out), lambda x: np.abs(x) < 0.3),
        (single, lambda x: 1),
    ],
    ids=["abs", "sign", "clip", "single"],
)
def test_corners_and_single_precision_are_no_fault(function, slope):
    for size in range(2, 12):
        require_gradients(cornered(function, slope)(3, size))


def test_a_step_that_is_never_the_same_has_no_gradient_to_compare():
    require_gradients(Counts(3, 4))


@pytest.mark.parametrize("method", ["local_gradients", "step_backward"])
def test_another_gradient_is_found(method):
    def double(self, arrays, grads, *_):
        grads["n"] *= 2

    with pytest.raises(ValueError, match="gradient of local_gradients and step_backward is not that of step"):
        require_gradients(changed(**{method: double})(3, 4))


def tried(kind):
    """Try a cell out as one of the user's."""
    try_out({"cell": {"name": "own"}, "device": "cpu"}, lambda group, section, *sizes: kind(*sizes))


@pytest.fixture
def own_cell(monkeypatch):
    monkeypatch.setitem(own_parts.PARTS, ("cell", "own"), own_parts.Part("own.py", "digest"))


def replaces(self, arrays, _):
    arrays["h"] = arrays["h"] / 2


def adds_to_what_is_not_set(self, arrays, _):
    arrays["before"] += arrays["h"]
    arrays["h"][...] = np.tanh(arrays["before"])


def changes_a_parameter(self, arrays, _):
    arrays["v_n"] *= 1.0001
    arrays["h"] += arrays["v_n"] * arrays["h_prev"]


@pytest.mark.usefixtures("own_cell")
@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda self, arrays, _: arrays.__setitem__("t", 0), r"arrays\['t'\] = ...: there is no such array"),
        (replaces, r"TypeError: arrays\['h'\] = \.\.\. puts another array in the place"),
        (adds_to_what_is_not_set, "step gives other numbers the second time"),
        (changes_a_parameter, "step gives other numbers the second time"),
    ],
)
def test_a_step_that_is_no_function_of_its_inputs_is_refused(step, said):
    kind = changed(step=step)
    kind.saved, kind.diagonals = ("before",), {"v_n": "h_prev"}
    with pytest.raises(UserError, match=f"^cell=own: own.py: .*{said}"):
        tried(kind)


@pytest.mark.parametrize("counter", [np.zeros(1), [0.0], {0: 0.0}])
def test_a_counter_in_an_array_is_not_compiled_either(counter):
    def counts(self, arrays, _):
        counter[0] += 1

    cell = changed(step=counts)(3, 4)
    cell.counter = counter
    assert "is other maths each time it is called" in why_not_compiled(cell)


@pytest.mark.parametrize(
    "kept",
    [[np.ones(4)], {"table": np.full(4, np.nan)}, [np.tanh, Lock()], {"rng": np.random.default_rng(0)}],
)
def test_what_a_cell_keeps_and_does_not_change_is_no_counter(kept):
    cell = RNN(3, 4)
    cell.kept = kept
    assert why_not_compiled(cell) is None


def test_a_step_that_is_not_finite_everywhere_is_no_fault():
    def step(self, arrays, _):
        arrays["h"] += 0.2
        np.log(arrays["h"], out=arrays["h"])
        arrays["h"] /= 100

    def local_gradients(self, arrays, grads):
        grads["n"] *= np.exp(-100 * arrays["h"]) / 100

    require_repeatable(changed(step=step, local_gradients=local_gradients)(3, 4))


@pytest.mark.usefixtures("own_cell")
def test_states_are_not_written_into_on_the_way_back():
    def local_gradients(self, arrays, grads):
        np.square(arrays["h"], out=arrays["h"])

    with pytest.raises(UserError, match="read-only"):
        tried(changed(local_gradients=local_gradients))


@pytest.mark.usefixtures("own_cell")
def test_a_gradient_that_is_wrong_at_limits_alone_is_found():
    class HardTanh(RNN):
        def step(self, arrays, recurrent):
            arrays["n"] += recurrent("n", arrays["h_prev"])
            np.clip(arrays["n"], -1, 1, out=arrays["h"])

        def local_gradients(self, arrays, grads):
            grads["n"][...] = 1.0

    with pytest.raises(UserError, match="is not that of step"):
        tried(HardTanh)


def test_a_cell_that_no_gpu_can_take_is_told_with_the_engine_that_can(monkeypatch):
    monkeypatch.setitem(own_parts.PARTS, ("cell", "own"), own_parts.Part("own.py", "digest"))
    config = {"cell": {"name": "own"}, "device": "gpu", "engine": "graph"}

    def make(group, section, *sizes):
        return Counts(*sizes)

    said = (
        r"^cell=own: own\.py: ValueError: compiled code cannot use step, .*; engine=cupy takes the steps as"
    )
    with pytest.raises(UserError, match=said):
        try_out(config, make)
    try_out(config | {"engine": "cupy"}, make)
