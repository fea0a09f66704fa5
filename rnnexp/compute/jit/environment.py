"""Import numba, which shows a traceback for each variable of the environment that it cannot read."""

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def unreadable_left_out() -> Iterator[None]:
    """Say in one line of each variable that cannot be read within the context, and have no process read it again."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        yield
    for one in said:
        if found := re.match(r"Environment variable '(\w+)' is defined but", str(one.message)):
            log.warning(f"{found[1]}={os.environ.pop(found[1], '')} means nothing to numba: it is left out")
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
