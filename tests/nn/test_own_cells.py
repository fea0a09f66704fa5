"""A cell of anybody's, whatever functions and names it uses: compiled, it computes what its methods do."""

import random
import re

import numpy as np
import pytest

from rnnexp.compute import engine
from rnnexp.compute.tracer import FUNCTIONS
from rnnexp.nn import loops
from rnnexp.nn.cells.base import Cell
from rnnexp.nn.cells.rnn import RNN
from tests.compute.test_engine import D, H, as_python, everything, needs_numba
from tests.helpers.variants import bound_layer


def require_compiled_alike(cell, dtype, tolerance, masks="each"):
    """Compare the loops that are written of a cell with its methods, at random parameters."""
    layer, params = bound_layer(cell, dtype)
    params.values[...] = np.random.default_rng(0).uniform(-1, 1, len(params.values))
    layer.clip_through_time = 0.5
    with engine.use("numpy"):
        expected = everything(layer, params, dtype, masks)
    with engine.use("numba"):
        assert loops.why_not_compiled(cell) is None
        written = everything(layer, params, dtype, masks)
    for key, array in expected.items():
        np.testing.assert_allclose(written[key], array, rtol=tolerance, atol=tolerance, err_msg=key)


def loop_in_python(monkeypatch):
    """Have the loops that are written run as they are, for each takes numba some seconds."""
    from rnnexp.nn.loops import jit

    monkeypatch.setattr(jit, "module_of", as_python)


class AllFunctions(RNN):
    def step(self, arrays, recurrent):
        super().step(arrays, recurrent)
        x = arrays["h"] + 2
        for function in FUNCTIONS:
            arrays["h"] += function(*(x, arrays["n"])[: function.nin])


@needs_numba
def test_every_function_that_is_read_can_be_compiled():
    require_compiled_alike(AllFunctions(D, H), np.float32, 2e-5)


# what the loops call themselves, the row functions, and what both call
TAKEN = "t b H first last gates mask da dout limit scratch u_n u_n_0 U_n d_h a_n n_ j v1 p1 one number_0 exp product np"


class Named(RNN):
    gates = input_gates = "nj"
    recurrent_matmuls = {"n": "h_prev", "nj": "h_prev"}

    def step(self, arrays, recurrent):
        arrays["nj"] += recurrent("nj", arrays["h_prev"])
        arrays["n"] += recurrent("n", arrays["h_prev"])
        arrays["h"][...] = np.tanh(arrays["n"]) * 0.7 + np.exp(-np.square(arrays["j"]))
        for name in self.chosen:
            np.multiply(arrays["h"], 0.3 + arrays["j"], out=arrays[name])
            arrays["h"] += arrays[name] * arrays[name]

    def local_gradients(self, arrays, grads):
        grads["nj"][...] = arrays["h"] * arrays["nj"]
        for name in self.chosen:
            grads["n"] *= arrays[name]

    def step_backward(self, arrays, grads, recurrent, dh, *more):
        grads["nj"] *= dh
        dh[...] = recurrent.back("nj", grads["nj"])
        dh += recurrent.back("n", grads["n"])
        for array in more:
            array *= dh


@needs_numba
@pytest.mark.parametrize("name", [name for name in [*TAKEN.split(), "lambda"] if name != "j"])
def test_a_cell_may_use_every_name_that_the_loops_use(name, monkeypatch):
    loop_in_python(monkeypatch)
    for states, saved in (("h",), (name,)), (("h", name), ()):
        monkeypatch.setattr(Named, "states", states)
        monkeypatch.setattr(Named, "saved", saved)
        monkeypatch.setattr(Named, "chosen", (name,), raising=False)
        require_compiled_alike(Named(D, H), np.float64, 1e-10)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"states": ("h", "n")}, "'n' of states is a name of gates already"),
        ({"states": ("h", "h_prev")}, "'h_prev' of states is a name of states already"),
        ({"saved": ("nj",)}, "'nj' of saved is a name of gates already"),
        ({"saved": ("h_prev",)}, "'h_prev' of saved is a name of states already"),
        ({"saved": ("v_n",), "diagonals": {"v_n": "h"}}, "'v_n' of diagonals is a name of saved already"),
        ({"diagonals": {"n": "h"}}, "'n' of diagonals is a name of gates already"),
        ({"more_gradients": ("j",)}, "'j' of more_gradients is a name of gates already"),
        ({"states": ("c", "h")}, r"states=\('c', 'h'\) must begin with 'h', the layer's output"),
        ({"saved": ("tanh c",)}, "'tanh c' of saved has more than letters, digits and underscores"),
    ],
)
def test_a_name_stands_for_one_array(names, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        type("Own", (Named,), names)(D, H)


def changed(**methods):
    """Return an RNN with methods of its own, each of which is called after that of the RNN."""

    def both(name, method):
        def run(self, *arguments):
            getattr(RNN, name)(self, *arguments)
            method(self, *arguments)

        return run

    return type("Own", (RNN,), {name: both(name, method) for name, method in methods.items()})


@needs_numba
@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((-0.1, 0.2), {}),
        ((), {"a_min": -0.1, "a_max": 0.2}),
        ((-0.1,), {"a_max": 0.2}),
        ((), {"min": -0.1, "max": 0.2}),
        ((None, 0.2), {}),
        ((), {"min": -0.1}),
    ],
)
def test_every_way_to_clip_is_read(given, named, monkeypatch):
    loop_in_python(monkeypatch)
    clipped = changed(step=lambda self, arrays, _: np.clip(arrays["h"], *given, **named, out=arrays["h"]))
    require_compiled_alike(clipped(D, H), np.float64, 1e-10)


STATEMENTS = [  # of a random method: what it does to one of its arrays with another, and with a number
    "{x}[...] = {y}",
    "{x} += {y}",
    "{x} -= {n}",
    "{x} *= {y}",
    "{x} *= {n}",
    "np.tanh({y}, out={x})",
    "np.multiply({y}, {x}, out={x})",
    "{x}[...] = 1 - {y}",
    "t = {y} * {n} + {x}",
    "t = np.square({y})",
    "t *= {y}",
]


def random_cell(seed):
    """Return a cell of two products, the second of which multiplies what depends on the first, and its source."""
    rng = random.Random(seed)

    def statements(written, read, products):
        lines, known = [], [*read]
        places = sorted(rng.sample(range(9), len(products)))
        for place in range(9):
            if place in places:
                product = products[places.index(place)]
                line = rng.choice(["{x} += {p}", "{x}[...] = {p}", "t = {p}"]).format(
                    x=rng.choice(written), p=product
                )
            else:
                x, y = rng.choice(written), rng.choice(known)
                line = rng.choice(STATEMENTS[: len(STATEMENTS) - ("t" not in known)])
                line = line.format(x=x, y=y, n=rng.choice(["0.5", "1.0", "0.3", y]))
            known += ["t"] * (line.startswith("t =") and "t" not in known)
            lines.append(f"    {line}")
        return lines

    now = [f"a['{name}']" for name in ("n", "m", "h", "s")]
    grads = ["g['n']", "g['m']"]
    source = [
        "def step(self, a, recurrent):",
        "    a['h'][...] = a['h_prev']",
        "    a['s'][...] = a['n']",
        *statements(now, [*now, "a['h_prev']"], ["recurrent('n', a['h_prev'])", "recurrent('m', a['s'])"]),
        "def local_gradients(self, a, g):",
        *(f"    {x}[...] = {rng.choice([*now, '1.0'])}" for x in grads),
        "def step_backward(self, a, g, recurrent, dh):",
        *statements([*grads, "dh"], [*now, *grads, "dh"], [f"recurrent.back('{x}', g['{x}'])" for x in "mn"]),
    ]
    methods = {"np": np}
    exec("\n".join(source), methods)
    shape = {
        "gates": "nm",
        "input_gates": "nm",
        "recurrent_matmuls": {"n": "h_prev", "m": "s"},
        "saved": ("s",),
    }
    return type("Random", (Cell,), methods | shape)(D, H), "\n".join(source)


@needs_numba
@pytest.mark.parametrize("seed", range(100))
def test_what_anybody_may_write_is_compiled_alike(seed, monkeypatch):
    """Compare what makes no sense too: the gradient need not be that of the step."""
    loop_in_python(monkeypatch)
    cell, source = random_cell(seed)
    try:
        with np.errstate(all="ignore"):
            require_compiled_alike(cell, np.float64, 1e-8, masks=[None, "one", "each"][seed % 3])
    except Exception as error:
        error.add_note(source)
        raise


class UsesAProductTwice(RNN):
    """Use the result of a product again after another one."""

    gates = input_gates = "nm"
    recurrent_matmuls = {"n": "h_prev", "m": "h_prev"}
    states = "h", "c"

    def step(self, arrays, recurrent):
        arrays["m"] += recurrent("m", arrays["h_prev"])
        arrays["c"][...] = arrays["m"]
        super().step(arrays, recurrent)

    def local_gradients(self, arrays, grads):
        grads["nm"][...] = arrays["nm"]

    def step_backward(self, arrays, grads, recurrent, dh, dc):
        grads["n"][...] = recurrent.back("m", grads["m"])
        dc[...] = grads["n"]
        dh[...] = recurrent.back("n", grads["n"])
        dc *= arrays["m"]


@needs_numba
def test_a_product_may_be_used_twice(monkeypatch):
    loop_in_python(monkeypatch)
    require_compiled_alike(UsesAProductTwice(D, H), np.float64, 1e-10, masks=None)


def unwritten(self, arrays, grads):
    grads["more"] *= 2


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        (
            {"local_gradients": unwritten},
            "compiled code cannot use an array of the step before anything is writ",
        ),
        (
            {"step": lambda self, arrays, _: np.clip(arrays["h"], -1, 1, where=arrays["h"])},
            "it cannot be read to be compiled: TypeError: clip() got an unexpected keyword argument 'where'",
        ),
        (
            {"step": lambda self, arrays, _: np.clip(arrays["h"])},
            "compiled code cannot use np.clip without a limit",
        ),
    ],
)
def test_whatever_goes_wrong_in_reading_has_numpy_take_the_steps(methods, said):
    cell = changed(**methods)
    cell.more_gradients = ("more",)
    assert loops.why_not_compiled(cell(D, H)).startswith(said)


class Counts(RNN):
    calls = 0

    def step(self, arrays, recurrent):
        super().step(arrays, recurrent)
        self.calls += 1
        arrays["h"] *= 1 / self.calls


class CountsToFour(RNN):
    calls = 0

    def step(self, arrays, recurrent):
        super().step(arrays, recurrent)
        self.calls += 1
        if self.calls % 4 == 0:
            arrays["h"] *= 0.5


class Shares(RNN):
    """Share an array between its own methods, which is the same maths each time."""

    def step(self, arrays, recurrent):
        super().step(arrays, recurrent)
        self.h = arrays["h"]
        self.h *= 0.5


def test_a_cell_may_keep_an_array():
    assert loops.why_not_compiled(Shares(D, H)) is None


class Draws(RNN):
    def step_backward(self, arrays, grads, recurrent, dh):
        dh += np.random.normal()  # noqa: NPY002
        super().step_backward(arrays, grads, recurrent, dh)


@pytest.mark.parametrize(
    ("kind", "method"), [(Counts, "step"), (CountsToFour, "step"), (Draws, "step_backward")]
)
def test_maths_that_is_not_the_same_twice_is_not_compiled(kind, method):
    said = rf"cannot use .*{method}, which is other maths each time it is called"
    assert re.search(said, loops.why_not_compiled(kind(D, H)))
