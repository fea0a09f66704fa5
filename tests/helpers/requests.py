"""What `rnnexp -m` reads from its arguments, without carrying it out."""

from contextlib import contextmanager

from rnnexp.sweeps.configs import open_configs
from rnnexp.sweeps.overrides import parse
from rnnexp.sweeps.request import Request


@contextmanager
def open_request(arguments):
    """Yield what `rnnexp -m ARGUMENTS` asks for; Hydra can compose configs within the context."""
    with open_configs():
        yield Request(parse(arguments), arguments)
