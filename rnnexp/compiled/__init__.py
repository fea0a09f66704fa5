"""The time loops of the cells compiled by numba: the same maths, without Python between the steps.

A module named like the class of the cell, in lower case, has its `forward` and `backward`. The methods of the
cell are what they are tested against, and what runs where numba is not installed.
"""

from typing import Any

import numba

# Reordering is fine, but a number that is not finite must stay so: `nnan` and `ninf` are left out.
# error_model="numpy": a division that can raise is not vectorised.
jit: Any = numba.njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "arcp", "nsz"}
)
