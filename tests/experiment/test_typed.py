"""Refuse what is typed for a key only where it would not count."""

from rnnexp.sweeps.configs import open_configs
from tests.conftest import QUICK
from tests.helpers.requests import make_job, open_request


def test_a_size_that_another_typed_one_decides_is_no_mistake():
    with open_configs():
        job = make_job("", [*QUICK, "model.layer_sizes=[40,30]", "model.hidden_size=99"])
    assert job.config["model"]["layer_sizes"] == [40, 30]
    with open_request([*QUICK, "model.match_params=null,20000", "model.hidden_size=32"]) as request:
        found = [job.config["model"] for job in request.jobs()]
    assert [(model["match_params"], model["hidden_size"]) for model in found] == [(None, 32), (20000, 32)]


def test_a_size_counts_where_no_other_key_of_a_preset_decides():
    """Leave alone that of the embedding beside model.match_params, where it is not the decoder."""
    for preset, freed, key, size in [
        ("awd_small_lstm", "layer_sizes=null", "hidden_size", 200),
        ("awd_small_gru", "tie_weights=false", "embed_size", 100),
    ]:
        overrides = [f"experiment={preset}", f"model.{freed}", f"model.{key}={size}", "tracking=none"]
        with open_configs():
            assert make_job("", overrides).config["model"][key] == size
