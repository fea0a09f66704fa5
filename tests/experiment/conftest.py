"""Hold what the tests of experiments share."""

import pytest

from rnnexp.experiment import own_parts
from rnnexp.experiment.config import WITH_EVALUATION
from rnnexp.experiment.known_keys import all_keys
from tests.helpers.own_parts import CELL, CELL_YAML, write


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return a folder with a cell, and forget it afterwards."""
    before = {group: dict(choices) for group, choices in WITH_EVALUATION.items()}
    monkeypatch.setenv(own_parts.PASSED_ON, "{}")
    write(tmp_path / "own", "cell", "mine", CELL, CELL_YAML)
    yield tmp_path / "own"
    for group, choices in before.items():
        WITH_EVALUATION[group].clear()
        WITH_EVALUATION[group].update(choices)
    own_parts.PARTS.clear()
    own_parts.FOLDERS.clear()
    all_keys.cache_clear()
