"""Share work out among threads, such that not a bit of the result depends on how many there are.

NumPy computes without Python's lock, so plain threads use every core. A library may round a part of a product
otherwise than the whole: its rows are cut where it does not, which is found out by trying.

BLAS itself computes with one thread here. Its own threads wait in busy loops for the next product, which
takes the cores from the array maths between the products, and from every other process.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, copy_context
from itertools import pairwise
from typing import NamedTuple

import numpy as np

# Rows at whose multiples to cut: as equal as can be, else where BLAS's kernels begin anew (OpenBLAS: 12 of Haswell)
GRANULES = 1, 4, 12, 16, 24, 48


class Team(NamedTuple):
    """Hold the threads that compute together.

    Attributes
    ----------
    number : how many they are, with the one that calls.
    pool : the others.
    tried : what was computed -> the parts that gave the bits of the whole.
    """

    number: int
    pool: ThreadPoolExecutor
    tried: dict[Hashable, list[slice]]


# of the thread that began it: another one, which draws text meanwhile, does without
_team: ContextVar[Team | None] = ContextVar("team", default=None)


@contextmanager
def use(threads: int) -> Iterator[None]:
    """Have `in_parallel` and `in_parts` compute with that many threads, within the context."""
    with blas_limited(1), ThreadPoolExecutor(max(threads - 1, 1)) as pool:
        token = _team.set(Team(threads, pool, {}) if threads > 1 else None)
        try:
            yield
        finally:
            _team.reset(token)


def blas_limited(threads: int) -> AbstractContextManager:
    """Have BLAS compute with that many threads; at the end of the context, if it is used as one, as before.

    A library that does already is left alone: to be told so makes OpenBLAS in a forked process start its threads
    anew, each of which takes a core for 40 ms.
    """
    from threadpoolctl import ThreadpoolController  # which a machine for GPU work may lack

    found = ThreadpoolController()
    others = [
        library for library in found.select(user_api="blas").lib_controllers if library.num_threads != threads
    ]
    return found.select(filepath=[library.filepath for library in others]).limit(limits=threads)


def parts_alike(
    key: Hashable, length: int, least: int, compute: Callable[[slice], None], outputs: Sequence
) -> list[slice]:
    """Return parts of range(length), at most one a thread, that give the bits that the whole gives.

    Parameters
    ----------
    key : what is computed, and all that its rounding depends on: kind, shapes, types. It is tried out once.
    least : the shortest part.
    compute : computes a part, into `outputs`, arrays that are put back as they were.
    """
    whole = [slice(0, length)]
    team = _team.get()
    if not team or (number := number_for(length, least)) == 1:
        return whole
    if key not in team.tried:
        before = [array.copy() for array in outputs]
        compute(whole[0])
        expected = [array.copy() for array in outputs]
        team.tried[key] = whole
        for parts in cuts(length, number, least):
            restore(outputs, before)
            for part in parts:
                compute(part)
            if all(map(np.array_equal, outputs, expected)):
                team.tried[key] = parts
                break
        restore(outputs, before)
    return team.tried[key]


def number_for(length: int, least: int) -> int:
    """Return how many threads can share range(length) where a part is not shorter than `least`."""
    team = _team.get()
    return max(1, min(team.number, length // least)) if team else 1


def cuts(length: int, number: int, least: int) -> Iterator[list[slice]]:
    """Yield ways to cut range(length) into so many parts, the most equal first."""
    seen = set()
    for granule in GRANULES:
        limits = (0, *(round(length * k / number / granule) * granule for k in range(1, number)), length)
        if limits not in seen and all(b - a >= least for a, b in pairwise(limits)):
            seen.add(limits)
            yield [slice(a, b) for a, b in pairwise(limits)]


def restore(arrays: Sequence, before: Sequence) -> None:
    """Set arrays to what they were."""
    for array, old in zip(arrays, before, strict=True):
        array[...] = old


def in_parallel(function: Callable, parts: Iterable) -> None:
    """Call `function` on each part, in several threads; a thread that is done takes the next part.

    What is computed must not depend on the order. Waking a thread takes some 50 microseconds, so this is for
    work of half a millisecond and more.
    """
    if not (team := _team.get()):
        for part in parts:
            function(part)
        return
    parts = list(parts)
    todo = iter(parts)  # a list's iterator gives each item to one thread only

    def work() -> None:
        for part in todo:
            function(part)

    # in the caller's context, whose np.errstate says what NumPy is to warn of
    others = [team.pool.submit(copy_context().run, work) for _ in range(min(team.number, len(parts)) - 1)]
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
