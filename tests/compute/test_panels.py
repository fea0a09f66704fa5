"""Products by weights in panels against NumPy's, at the edges of rows, columns and registers."""

import os
import subprocess
import sys

import numpy as np
import pytest

from rnnexp.compute import engine
from rnnexp.compute.backend import CPU
from rnnexp.compute.workspace import Workspace

if "numba" not in engine.installed():
    pytest.skip("numba is not installed", allow_module_level=True)

from rnnexp.compute.jit import panels

SIZES = [
    (1, 1, 1, 1),
    (2, 3, 5, 2),
    (5, 7, 16, 1),
    (6, 16, 17, 4),
    (7, 50, 32, 3),
    (13, 20, 65, 2),
    (20, 9, 100, 4),
]


def factors(B, K, H, G, dtype):
    rng = np.random.default_rng(0)
    return rng.standard_normal((B, K)).astype(dtype), rng.standard_normal((G, K, H)).astype(dtype)


def in_panels(U):
    return panels.panels(U, Workspace(U.dtype, CPU))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("B", "K", "H", "G"), SIZES)
def test_products_and_nothing_beside_them(B, K, H, G, dtype):
    v, U = factors(B, K, H, G, dtype)
    exact = v.astype(float) @ U.astype(float)
    near = {"rtol": 0, "atol": 200 * np.finfo(dtype).eps}
    for weights in U, np.ascontiguousarray(U.swapaxes(1, 2)).swapaxes(1, 2):
        room = np.full((G + 1, B, H), np.nan, dtype)
        panels.multiply(v, in_panels(weights), room[:G])
        np.testing.assert_allclose(room[:G], exact, **near)
        assert np.isnan(room[G]).all()
    total = np.ones((B + 1, H), dtype)
    panels.multiply_back(v, in_panels(U)[0], total[:B])
    np.testing.assert_allclose(total[:B], 1 + exact[0], **near)
    assert (total[B] == 1).all()


def test_a_row_has_the_same_bits_whatever_rows_are_beside_it():
    v, U = factors(20, 33, 50, 2, np.float32)
    whole, part = np.empty((2, 2, 20, 50), np.float32)
    panels.multiply(v, in_panels(U), whole)
    for cut in range(1, 20):
        for rows in slice(0, cut), slice(cut, 20):
            some = np.empty((2, rows.stop - rows.start, 50), np.float32)
            panels.multiply(v[rows], in_panels(U), some)
            part[:, rows] = some
        np.testing.assert_array_equal(part, whole)


def test_what_is_not_finite_reaches_its_own_row_alone():
    v, U = factors(7, 9, 20, 1, np.float32)
    v[3, 2] = np.inf
    out = np.empty((1, 7, 20), np.float32)
    panels.multiply(v, in_panels(U), out)
    assert not np.isfinite(out[0, 3]).any()
    assert np.isfinite(np.delete(out[0], 3, axis=0)).all()


@pytest.mark.parametrize("name", ["NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"])
def test_processors_that_share_what_is_compiled_share_the_width_of_a_panel(name):
    code = "from rnnexp.compute.jit import panels; print(panels.REGISTER)"
    value = "generic" if name == "NUMBA_CPU_NAME" else "+avx2"
    env = os.environ | {name: value}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "32\n"
