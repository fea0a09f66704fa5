"""Let `python -m rnnexp` do what the command `rnnexp` does."""

from rnnexp.cli.train import main

main()
