"""Carry out `python -m analysis.claims`."""

from rnnexp.analysis.claims import command
from rnnexp.analysis.command import main

if __name__ == "__main__":
    main("claims", command.run, command.__doc__)
