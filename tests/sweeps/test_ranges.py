"""Hold what a search draws to its ranges, as it is written, and to what its key takes."""

import numpy as np
import pytest

from rnnexp.errors import UserError
from rnnexp.sweeps import ranges
from rnnexp.sweeps.configs import open_configs
from rnnexp.sweeps.overrides import parse
from tests.conftest import QUICK
from tests.helpers.requests import open_request


def override(text):
    with open_configs():
        return parse([text])[0]


@pytest.mark.parametrize("limits", ["0.999,0.99999", "0.5,0.99999", "0.99992,0.99994", "1,64", "-0.1,0.1"])
def test_what_is_written_is_in_the_range(limits):
    over = override(f"optimizer.beta2=interval({limits})")
    space = over.value()
    drawn = [*np.random.default_rng(0).uniform(space.start, space.end, 1000).tolist(), space.start, space.end]
    written = [ranges.shown(value, space) for value in drawn]
    assert all(space.start <= float(text) <= space.end for text in written)
    assert [float(text.partition("=")[2]) for text in ranges.ends(over)] == [space.start, space.end]
    assert len(set(written)) >= 500
    assert max(len(text.strip("-0.")) for text in written[:1000]) <= 9


def test_a_rate_has_four_digits():
    over = override("optimizer.lr=tag(log,interval(1,64))")
    assert ranges.chosen({"optimizer.lr": over}, {"optimizer.lr": 15.70329}) == ["optimizer.lr=15.7"]


def test_a_range_of_fractions_for_a_whole_number_is_refused_before_anything_is_made():
    arguments = [*QUICK, "sweep=search", "sweep.trials=3", ""]
    for key, limits in ("model.num_layers", "1,3"), ("model.hidden_size", "100,9000"):
        arguments[-1] = f"{key}=interval({limits})"
        with open_request(arguments) as request, pytest.raises(UserError, match=rf"{key}=\d+\.\d+ must be a"):
            request.listing()
    arguments[-1] = "model.num_layers=int(interval(1,3))"
    with open_request(arguments) as request:
        assert "3 trials" in request.listing()
