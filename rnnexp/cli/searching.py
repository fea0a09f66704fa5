"""Search for good settings, then run the best: here, with others by a storage, or in the jobs of a launcher."""

import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import hydra

from rnnexp.cli import flags
from rnnexp.cli.carrying_out import again, finish
from rnnexp.errors import UserError
from rnnexp.experiment.versions import CALLED, VERSION_BASE
from rnnexp.installation import CONF
from rnnexp.output import say
from rnnexp.sweeps import launchers
from rnnexp.sweeps.configs import open_configs
from rnnexp.sweeps.overrides import parse
from rnnexp.sweeps.request import Request, first_values
from rnnexp.sweeps.scheduler import run_sweep

if TYPE_CHECKING:
    from rnnexp.sweeps.search import Search


def run(request: Request, given: Namespace) -> None:
    """Carry out a search within a context in which Hydra can compose configs.

    given : the flags and overrides of the command.
    """
    with closing(open_search(request)) as search:
        if request.launcher:
            hand_out(search, given)
            return
        run_sweep(search, search.run, again(request))
        final = search.final_runs()
        finish(final, final.run, request)


def open_search(request: Request, since: datetime | None = None) -> "Search":
    """Return the search that a command asks for."""
    from rnnexp.sweeps.search import Search  # imports Optuna, which is an extra

    return Search(request, **request.limits, since=since)


def hand_out(search: "Search", given: Namespace) -> None:
    """Have a launcher begin processes that work at a search, and say how it went once it is over."""
    from rnnexp.sweeps import handing_out

    request = search.request
    number = request.settings["workers"] or search.total
    start = partial(start_workers, given, search.since, number)
    say(f"{number} jobs are handed to the launcher")
    run_sweep(search, partial(handing_out.hand_out, search, start), again(request))
    final = search.final_runs()
    finish(final, partial(launchers.look_up, final.jobs), request)


def start_workers(given: Namespace, since: datetime, number: int) -> None:
    """Have Hydra begin so many processes by the launcher that the command names, and wait for their end."""
    # each composes the config of the first job, whose section `hydra` it needs; the search itself is read anew
    first = first_values(parse(given.overrides))
    folders = ",".join(f".submitit/worker{each}" for each in range(1, 1 + number))
    own = ["hydra.sweeper.params=null", f"hydra.sweep.subdir={folders}"]
    given.multirun = True
    sys.argv[1:] = flags.for_hydra(given, [*first, *own])
    decorated: Callable[..., Any] = hydra.main(
        **VERSION_BASE, **CALLED, config_path=str(CONF), config_name="config"
    )
    decorated(worker(given, since))()


def worker(given: Namespace, since: datetime) -> Callable[[Any], float]:
    """Return a function that a launcher can call elsewhere, which works at a search until it is over."""

    def work(cfg: Any) -> float:
        work_at(given, since)
        return 0.0

    return work


def work_at(given: Namespace, since: datetime) -> None:
    """Do one trial of a search at a time until it is over, then its final runs, together with other processes."""
    with open_configs(given.config_dir):
        request = Request(parse(given.overrides), given.overrides)
        request.limits["workers"] = 1
        with closing(open_search(request, since)) as search:
            for make in lambda: search, search.final_runs:
                part = make()
                try:
                    run_sweep(part, part.run, again(request))
                except UserError as error:
                    if not any(job.outcome == "failed" for job in part.jobs):
                        raise
                    say(str(error))  # the command that began this process finds it out
