"""Share work out among threads: NumPy computes without Python's lock, so plain threads use every core.

BLAS itself computes with one thread here. Its own threads wait in busy loops for the next product, which
takes the cores from the array maths between the products, and from every other process.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

_pool: ThreadPoolExecutor | None = None
_threads = 1


@contextmanager
def use(threads: int) -> Iterator[None]:
    """Have `in_parallel` and `in_parts` compute with that many threads, within the context."""
    from threadpoolctl import threadpool_limits  # which a machine for GPU work may lack

    global _pool, _threads
    before = _pool, _threads
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(max(threads - 1, 1)) as pool:
        _pool, _threads = pool if threads > 1 else None, threads
        try:
            yield
        finally:
            _pool, _threads = before


def shares(length: int, least: int = 1) -> list[slice]:
    """Return range(length) in equal slices, one a thread, but none shorter than `least`."""
    number = max(1, min(_threads, length // least))
    return [slice(length * k // number, length * (k + 1) // number) for k in range(number)]


def in_parallel(function: Callable, parts: Iterable) -> None:
    """Call `function` on each part, in several threads; a thread that is done takes the next part.

    What is computed must not depend on the order. Waking a thread takes some 50 microseconds, so this is for
    work of half a millisecond and more.
    """
    parts = list(parts)
    todo = iter(parts)  # a list's iterator gives each item to one thread only

    def work() -> None:
        for part in todo:
            function(part)

    others = [_pool.submit(work) for _ in range(min(_threads, len(parts)) - 1)] if _pool else []
    try:
        work()
    finally:
        wait(others)
    for other in others:
        other.result()


def run_all(jobs: Iterable[Callable]) -> None:
    """Call each of the jobs, in parallel."""
    in_parallel(lambda job: job(), jobs)


def in_parts(function: Callable[[slice], None], length: int, part: int) -> None:
    """Call `function` on slices of range(length), `part` long each, so that each fits in a core's cache."""
    in_parallel(function, [slice(k, min(k + part, length)) for k in range(0, length, part)])
