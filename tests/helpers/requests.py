"""What `rnnexp -m` reads from its arguments, without carrying it out."""

from contextlib import contextmanager

from hydra import compose

from rnnexp.experiment.mistakes import in_plain_words
from rnnexp.sweeps.composition import job_of
from rnnexp.sweeps.configs import open_configs
from rnnexp.sweeps.job import named
from rnnexp.sweeps.overrides import parse
from rnnexp.sweeps.request import Request


@contextmanager
def open_request(arguments):
    """Yield what `rnnexp -m ARGUMENTS` asks for; Hydra can compose configs within the context."""
    with open_configs():
        yield Request(parse(arguments), arguments)


def make_job(name, overrides):
    """The job of these overrides, each with one value, composed by Hydra alone."""
    with named(name), in_plain_words():
        return job_of(name, compose("config", overrides, return_hydra_config=True), overrides)
