"""Carry out `rnnexp report`."""

from rnnexp.analysis import report
from rnnexp.analysis.command import run
from rnnexp.analysis.report.command import Arguments, command

if __name__ == "__main__":
    run(command, Arguments, "report", report.__doc__)
