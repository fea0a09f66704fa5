"""Carry out `rnnexp report`."""

from analysis import report
from analysis.command import run
from analysis.report.command import Arguments, command

if __name__ == "__main__":
    run(command, Arguments, "report", report.__doc__)
