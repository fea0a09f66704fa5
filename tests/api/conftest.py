"""Small settings as Python has them, the same as `tests.conftest.SMALL`."""

import pytest

import rnnexp

SMALL = {
    "train_tokens": 3000,
    "valid_tokens": 400,
    "test_tokens": 400,
    "embed_size": 8,
    "hidden_size": 8,
    "batch_size": 4,
    "bptt": 8,
    "max_epochs": 2,
    "lr": 1,
}
SHORT = SMALL | {"max_steps": 6, "engine": "numpy"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a short run that stays."""
    return rnnexp.train(cell="gru", folder=tmp_path_factory.mktemp("kept") / "gru", **SHORT)
