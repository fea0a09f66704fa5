"""Ctrl-C is answered at once by a line about what is still done; what asks for it stops at its next step."""

import os
import signal

import pytest

from rnnexp.errors import Interrupted
from rnnexp.experiment.signals import stop_requests


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_what_is_waited_for_is_said_before_anything_asks(capfd, signum):
    with stop_requests("a step is finished") as raise_if_asked:
        raise_if_asked()
        os.kill(os.getpid(), signum)
        assert capfd.readouterr() == ("", "stopping: a step is finished; Ctrl-C again stops at once\n")
        with pytest.raises(Interrupted):
            raise_if_asked()


def test_the_jobs_of_a_sweep_say_nothing(capfd):
    with stop_requests():
        os.kill(os.getpid(), signal.SIGTERM)
    assert capfd.readouterr() == ("", "")
