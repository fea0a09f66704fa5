"""End a sweep with the reports of its studies."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

REPORTS = Path("runs/reports")  # where they are written


def report_on(jobs: Iterable[Any]) -> None:
    """Report on the studies of these jobs, as from `sweeps.job`, and keep each page with the sweep's record."""
    from rnnexp.analysis.report.command import run  # seconds
    from rnnexp.tracking.mlflow.sweeps import attach_report

    for study, uri in dict.fromkeys((job.config["study"], job.config["tracking"]["uri"]) for job in jobs):
        run([f"study={study}", f"uri={uri}"])
        attach_report(study, REPORTS / study, uri)
