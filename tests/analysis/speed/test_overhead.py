"""The harness's cost is measured on real runs."""

import json
import sys

import pytest

from rnnexp.analysis.speed import overhead
from rnnexp.analysis.speed.overhead import Case, write_text


@pytest.mark.slow
def test_a_case_is_run_and_its_share_recorded(monkeypatch, tmp_path):
    overrides = "model.embed_size=4 model.hidden_size=4 train.batch_size=2 train.bptt=5"
    case = Case(overrides, vocab_size=7, tokens=2 * 5, steps=100, epochs=2, runs=1)
    monkeypatch.setattr(overhead, "CASES", {"tiny": case})
    monkeypatch.setattr(overhead, "STARTS", 1)
    monkeypatch.setattr(sys, "argv", ["overhead", f"out={tmp_path}"])
    overhead.main()
    record = json.loads((tmp_path / "overhead.json").read_text())
    assert record.keys() == {"machine", "help_s", "tiny"}
    assert record["tiny"].keys() == {"share", "epoch_s", "first_step_s"}
    assert 0 < record["tiny"]["share"] < 1
    assert record["tiny"]["epoch_s"] > 0
    assert record["tiny"]["first_step_s"] > 0


def test_the_text_has_every_word_and_is_long_enough_for_an_epoch(tmp_path):
    case = Case("", vocab_size=50, tokens=20, steps=90, epochs=1, runs=1)
    write_text(tmp_path / "text.txt", case)
    words = (tmp_path / "text.txt").read_text().split()
    assert len(words) * 0.9 == 20 * 90
    assert set(words) == {f"w{k}" for k in range(50)}
