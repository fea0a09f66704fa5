"""Carry out the jobs of a sweep, and end with what the command says of them."""

from collections.abc import Callable

from rnnexp.cli.reporting import report_on
from rnnexp.compute import engine
from rnnexp.errors import UserError
from rnnexp.sweeps.request import Request
from rnnexp.sweeps.scheduler import AGAIN, RERUN_AGAIN, Sweep, run_sweep


def finish(work: Sweep, do: Callable[[], None], request: Request) -> None:
    """Call `do`, which does the jobs of a sweep, then write its report; UserError where a job failed."""
    jobs = work.jobs
    if not request.launcher:
        for device in {job.config["device"] for job in jobs if not job.folder.result_file.exists()} - {"cpu"}:
            engine.require(engine.fastest(device), device)
    try:
        run_sweep(work, do, again(request))
    except UserError:  # of jobs that failed: the others count all the same
        if request.settings["report"]:
            report_on(jobs)
        raise
    if request.settings["report"]:
        report_on(jobs)


def again(request: Request) -> str:
    """Return what to do about the jobs of a sweep that have not finished."""
    return RERUN_AGAIN if request.rerun else AGAIN
