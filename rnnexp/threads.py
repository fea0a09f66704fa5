"""How many threads compute: those of the matrix products, and as many for the array maths between them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

_pool: ThreadPoolExecutor | None = None
_threads = 1


@contextmanager
def use(threads: int) -> Iterator[None]:
    """Within: `threads` threads for BLAS and for `in_parts`."""
    global _pool, _threads
    before = _pool, _threads
    with threadpool_limits(threads, "blas"), ThreadPoolExecutor(max(threads - 1, 1)) as _pool:
        _threads = threads
        try:
            yield
        finally:
            _pool, _threads = before


def in_parts(function: Callable[[slice], None], length: int, part: int) -> None:
    """Call `function` on slices that make up range(length), `part` long each, in parallel.

    For work that NumPy does without Python's lock on parts that fit in a core's cache. What `function`
    computes must not depend on the order.
    """
    slices = [slice(start, min(start + part, length)) for start in range(0, length, part)]
    if _threads == 1 or len(slices) == 1:
        for piece in slices:
            function(piece)
        return
    assert _pool is not None

    def share(k: int) -> None:
        for piece in slices[k::_threads]:
            function(piece)

    others = [_pool.submit(share, k) for k in range(1, _threads)]
    share(0)
    for other in others:
        other.result()
