"""A variable of the environment that numba cannot read costs one line, not a traceback."""

import logging
import os
import warnings

import pytest

from rnnexp.compute.jit.environment import unreadable_left_out


def test_an_unreadable_variable_is_told_in_one_line(monkeypatch, caplog):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "abc")
    with caplog.at_level(logging.WARNING), unreadable_left_out():
        warnings.warn(
            "Environment variable 'NUMBA_NUM_THREADS' is defined but its associated value 'abc' could not be "
            "parsed.\nThe parse failed with exception:\nTraceback (most recent call last):\n",
            RuntimeWarning,
            stacklevel=1,
        )
    assert caplog.messages == ["NUMBA_NUM_THREADS=abc means nothing to numba: it is left out"]
    assert "NUMBA_NUM_THREADS" not in os.environ
    with pytest.warns(UserWarning, match="another"), unreadable_left_out():
        warnings.warn("another", stacklevel=1)
