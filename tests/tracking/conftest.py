"""A store of one test."""

import pytest


@pytest.fixture
def uri(made_store, tmp_path):
    """The address of a store that holds nothing yet."""
    return made_store(tmp_path / "store.db")
