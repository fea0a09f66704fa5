"""Carry out `rnnexp claims`."""

from analysis import claims
from analysis.claims.command import Arguments, command
from analysis.command import run

if __name__ == "__main__":
    run(command, Arguments, "claims", claims.__doc__)
