"""Compile elementwise loops and the products between them with numba."""

from typing import Any

import numba

# Reordering is fine, but a number that is not finite must stay so: `nnan` and `ninf` are left out.
# error_model="numpy": a division that can raise is not vectorised.
jit: Any = numba.njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "arcp", "nsz"}
)
