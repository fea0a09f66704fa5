"""Find out whether this process compiles anything itself, or only loads what others have compiled."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core import event


@contextmanager
def compiling() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether a function was compiled within the context."""
    with event.install_recorder("numba:compile") as recorder:
        yield lambda: bool(recorder.buffer)
