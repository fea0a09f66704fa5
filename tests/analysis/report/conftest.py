"""Reports without figures, which take seconds."""

import json

import pytest

from rnnexp.analysis.command import ComparisonArguments
from rnnexp.analysis.report import write
from rnnexp.analysis.report.write import write_study


@pytest.fixture
def report(tmp_path, monkeypatch):
    """Writes the report of a store without figures; returns what report.json says."""
    monkeypatch.setattr(write, "draw", lambda *given: [])

    def make(store, **asked):
        study = store.load(asked.get("baseline", ""))
        written = write_study(study, ComparisonArguments(store.study, out=str(tmp_path), **asked))
        return json.loads((written.folder / "report.json").read_text())

    return make
