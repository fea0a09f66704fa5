"""Carry out `python -m analysis.report`."""

from rnnexp.analysis.command import main
from rnnexp.analysis.report import command

if __name__ == "__main__":
    main("report", command.run, command.__doc__)
