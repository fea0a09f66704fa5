"""Have a launcher, such as SLURM's, begin processes that work at a search, and watch it until it is over."""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from rnnexp.errors import UserError, first_line
from rnnexp.experiment import progress
from rnnexp.experiment.signals import stop_requests
from rnnexp.output import duration, say
from rnnexp.sweeps.search import Search
from rnnexp.sweeps.storages import reached
from rnnexp.sweeps.trials import POLL_S

END_S = 20.0  # that a launcher has to find out that its jobs are over


def hand_out(search: Search, number: int, start: Callable[[], object]) -> None:
    """Call `start`, which has a launcher begin so many processes and waits for them; return once the search is over.

    The launcher is called in a process of its own: one that does not learn that a job was killed waits for ever,
    while the search goes on in the others.

    Raises
    ------
    UserError with what the launcher says, where there are too few trials in the end.
    """
    with reached(search.branches[0].storage):
        if is_over(search):
            return
        say(f"jobs handed to the launcher: {number}")
        fork = multiprocessing.get_context("fork")
        hear, tell = fork.Pipe(duplex=False)
        child = fork.Process(target=call, args=[start, tell])
        child.start()
        tell.close()
        try:
            watch(search, child.is_alive)
            child.join(END_S)
            said = hear.recv() if hear.poll() else ""
        except EOFError:
            said = ""
        finally:
            if child.is_alive():
                child.terminate()
            child.join()
    if said and not is_over(search):
        raise UserError(f"the launcher says: {said}")


def call(start: Callable[[], object], tell: Connection) -> None:
    """Call `start` and tell the process before what it raises."""
    try:
        start()
    except BaseException as error:
        tell.send(first_line(error))


def watch(search: Search, has_jobs: Callable[[], bool]) -> None:
    """Return once a search is over, or there is nothing that works at it; say a line a minute."""
    begun = said = time.monotonic()
    with stop_requests() as raise_if_asked:
        while not is_over(search) and (has_jobs() or search.awaits()):
            if time.monotonic() - said >= progress.LINE_S:
                said = time.monotonic()
                done = sum(len(branch.trials.finished()) for branch in search.branches)
                say(f"after {duration(said - begun)}: {done} of {search.total} trials have ended")
            until = time.monotonic() + POLL_S
            while time.monotonic() < until and has_jobs():
                raise_if_asked()
                time.sleep(POLL_S / 10)
            raise_if_asked()


def is_over(search: Search) -> bool:
    """Return whether all trials and final runs have been done, or as many as there can be before the next command."""
    for branch in search.branches:
        branch.trials.look()
    if search.awaits() or any(branch.trials.begun < search.budget for branch in search.branches):
        return False
    try:
        return all(job.folder.result_file.exists() for job in search.best())
    except UserError:  # some failed, which is said later
        return True
