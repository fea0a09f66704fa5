"""Search for good settings, then run the best: here, with others by a storage, or in the jobs of a launcher."""

import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.global_hydra import GlobalHydra

from rnnexp.cli import flags
from rnnexp.cli.carrying_out import again, finish
from rnnexp.errors import UserError
from rnnexp.experiment.mistakes import hydra_raises
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
        search.require_best()


def open_search(request: Request, since: float | None = None) -> "Search":
    """Return the search that a command asks for."""
    from rnnexp.sweeps.search import Search  # imports Optuna, which is an extra

    return Search(request, **request.limits, since=since)


def hand_out(search: "Search", given: Namespace) -> None:
    """Have a launcher begin processes that work at a search, and say how it went once it is over."""
    from rnnexp.sweeps import handing_out

    request = search.request
    number = request.settings["workers"] or search.total
    start = partial(start_workers, given, search.since, number)
    run_sweep(search, partial(handing_out.hand_out, search, number, start), again(request))
    final = search.final_runs()
    finish(final, partial(launchers.look_up, final.jobs), request)
    search.require_best()


def start_workers(given: Namespace, since: float, number: int) -> None:
    """Have Hydra begin so many processes by the launcher that the command names, and wait for their end."""
    # each composes the config of a first job, of which it needs the section `hydra` alone; it reads the search anew
    first = first_values(o for o in parse(given.overrides) if o.key_or_group != "seed")
    own = ["hydra.sweeper.params=null", "hydra.sweep.subdir=.submitit/worker${hydra.job.num}"]
    own.append(f"seed=range({number})")  # so that there are so many
    given.multirun = True
    sys.argv[1:] = flags.for_hydra(given, [*first, *own])
    GlobalHydra.instance().clear()  # of this command, which another process goes on with
    decorated: Callable[..., Any] = hydra.main(
        **VERSION_BASE, **CALLED, config_path=str(CONF), config_name="config"
    )
    with hydra_raises():
        decorated(worker(given, since))()


def worker(given: Namespace, since: float) -> Callable[[Any], float]:
    """Return a function that a launcher can call elsewhere, which works at a search until it is over."""

    def work(cfg: Any) -> float:
        work_at(given, since)
        return 0.0

    return work


def work_at(given: Namespace, since: float) -> None:
    """Do one trial of a search at a time until it is over, then its final runs, together with other processes."""
    GlobalHydra.instance().clear()  # of the launcher's job, which has all that it needs
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
