"""Carry out the commands of `analysis`, which are imported only when they are given."""

import runpy
import sys
from collections.abc import Iterable, Sequence

from rnnexp.sweeps.job import Job

REPORT = "analysis.report"  # what a sweep with sweep.report=true ends with


def run_as_main(module: str, arguments: Sequence[str]) -> None:
    """Do what `python -m MODULE ARGUMENTS` does, but for the user's mistakes, which are raised."""
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__")


def report_on(jobs: Iterable[Job]) -> None:
    """Report on the studies of these jobs."""
    for study, uri in dict.fromkeys((job.config["study"], job.config["tracking"]["uri"]) for job in jobs):
        run_as_main(REPORT, [f"study={study}", f"uri={uri}"])
