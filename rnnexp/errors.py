"""Define the errors that are not bugs."""

import signal

from rnnexp.output import safe


class UserError(ValueError):
    """Explain a user's mistake by the message alone: one plain sentence with the key or file, and what to do."""


class Diverged(UserError):
    """Say that the loss or the gradient stopped being a finite number."""


class Superseded(UserError):
    """Say that another process has taken the run over."""


class Interrupted(KeyboardInterrupt):
    """Say that a signal asked the run to stop, which it did after saving a checkpoint.

    It derives from KeyboardInterrupt, so that no `except Exception` between the training loop and the
    command line takes it for a failure.
    """

    def __init__(self, signum: int):
        super().__init__(signal.Signals(signum).name)
        self.signum = signum

    def __reduce__(self):  # crosses the process boundary of a parallel sweep
        return Interrupted, (self.signum,)


# how lines begin that Hydra and OmegaConf add for their own developers, or that advise what is refused here
NOISE = "full_key:", "object_type=", "reference_type=", "To append to your config", "See https", "^"


def one_line(error: BaseException) -> str:
    """Return the message of an error in one line, safe to be shown and kept."""
    said, _, _ = str(error).partition("Config search path:")
    lines = [line.strip() for line in said.splitlines()]
    return safe("; ".join(line for line in lines if line and not line.startswith(NOISE)))
