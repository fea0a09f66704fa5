"""Find and load Intel's MKL, whose products `rnnexp.compute.blas.products` calls."""

import ctypes
import sys
from functools import cache
from itertools import chain
from pathlib import Path

from rnnexp.errors import UserError

SEQUENTIAL, CBWR_AUTO = 1, 2  # of mkl_service.h
# By this name compiled code calls MKL's function, for other libraries in the process may have one of the same name.
SGEMM = "rnnexp_mkl_sgemm"


def path() -> Path | None:
    """Return where pip or conda put the library into this environment; None where it is not installed."""
    prefix = Path(sys.prefix)
    found = chain(prefix.glob("lib/libmkl_rt.so*"), prefix.glob("Library/bin/mkl_rt*.dll"))
    return next(found, None)


@cache
def is_slow_here() -> bool:
    """Return whether the processor is AMD's, where MKL multiplies at two thirds of the speed of NumPy's own library."""
    import llvmlite.binding  # of numba, which may not be installed

    return llvmlite.binding.get_host_cpu_name().startswith("znver")


@cache
def load() -> None:
    """Load MKL, so that compiled code finds its function; UserError where the library is broken."""
    import llvmlite.binding  # of numba, which may not be installed

    try:
        mkl = ctypes.CDLL(str(path()))
    except OSError as error:
        raise UserError(f"engine=mkl cannot load {path()} ({error}): say engine=numba") from error
    # Our threads call it, so it needs none of its own; and the same product gives the same bits wherever its
    # arrays happen to lie.
    mkl.MKL_Set_Threading_Layer(SEQUENTIAL)
    mkl.MKL_CBWR_Set(CBWR_AUTO)
    llvmlite.binding.add_symbol(SGEMM, ctypes.cast(mkl.cblas_sgemm, ctypes.c_void_p).value)
