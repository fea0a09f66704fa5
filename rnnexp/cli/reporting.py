"""Carry out the commands of `analysis`, which are imported only when they are given."""

import runpy
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

REPORT = "rnnexp.analysis.report"  # what a sweep with sweep.report=true ends with
REPORTS = Path("runs/reports")  # where it writes


def run_as_main(module: str, arguments: Sequence[str]) -> None:
    """Do what `python -m MODULE ARGUMENTS` does, but for the user's mistakes, which are raised."""
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__")


def report_on(jobs: Iterable[Any]) -> None:
    """Report on the studies of these jobs, as from `sweeps.job`, and keep each page with the sweep's record."""
    from rnnexp.tracking.mlflow.sweeps import attach_report  # seconds

    for study, uri in dict.fromkeys((job.config["study"], job.config["tracking"]["uri"]) for job in jobs):
        run_as_main(REPORT, [f"study={study}", f"uri={uri}"])
        attach_report(study, REPORTS / study, uri)
