"""Carry out `rnnexp claims`."""

from rnnexp.analysis import claims
from rnnexp.analysis.claims.command import Arguments, command
from rnnexp.analysis.command import run

if __name__ == "__main__":
    run(command, Arguments, "claims", claims.__doc__)
