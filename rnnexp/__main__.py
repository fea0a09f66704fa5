"""Let `python -m rnnexp` do what the command `rnnexp` does."""

import sys

from rnnexp.cli.main import main

sys.exit(main())
