"""The first epoch is trained by every contender that has the cell, with the preset's settings."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rnnexp.analysis.speed import curve
from rnnexp.analysis.speed.contenders import has_torch
from rnnexp.analysis.speed.figures import mean_of_each
from rnnexp.analysis.speed.tasks import Shape
from rnnexp.data.batches import Streams
from rnnexp.evaluation.perplexity import summed_nats

VOCAB, STEPS = 11, 7


@pytest.fixture
def text(monkeypatch):
    """Small tasks on a text of a few symbols; the contenders are trained one after the other."""
    tasks = {
        cell: replace(task, shape=Shape(VOCAB, 6, 2, 3, 4, dropout=0.5, tie_weights=True), lr=1.0)
        for cell, task in curve.TASKS.items()
    }
    rng = np.random.default_rng(0)
    splits = {"train": rng.integers(VOCAB, size=500), "valid": rng.integers(VOCAB, size=120)}
    monkeypatch.setattr(curve, "TASKS", tasks)
    monkeypatch.setattr(curve, "EVERY", STEPS)
    monkeypatch.setattr(curve.ptb, "make", lambda folder: SimpleNamespace(splits=splits))
    monkeypatch.setattr(curve, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
    return splits


def test_the_epoch_from_the_command_to_its_files(text, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "argv", ["curve", "steps=21", "cells=lstm,gru", f"out={tmp_path}"])
    curve.main()
    records = json.loads((tmp_path / "curve.json").read_text())["records"]
    assert set(records) == {"lstm ours", "gru ours", *(["lstm torch"] if has_torch() else [])}
    assert {len(record["losses"]) for record in records.values()} == {21}
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    last = np.exp(np.mean(records["gru ours"]["losses"][-STEPS:]))
    said = f"gru, ours: perplexity of the last {STEPS} of 21 steps {last:.1f}, valid "
    assert said in capsys.readouterr().out


def test_the_validation_text_is_scored_after_the_steps(text):
    from rnnexp.analysis.speed.contenders.ours import Ours

    task = curve.TASKS["gru"]
    record = curve.train("ours", task, text["train"], text["valid"], 9)
    ours = Ours(task)
    ours.prepare_timing()
    ours.windows = list(Streams(text["train"], 3, 4))
    assert record["losses"] == [ours.step() for _ in range(9)]
    valid = Streams(text["valid"], *curve.EVALUATION)
    nats = summed_nats(ours.model, valid)[0]
    assert record["valid_ppl"] == pytest.approx(np.exp(nats / valid.targets.size), rel=1e-12)


def test_pytorch_trains_only_the_cells_that_it_has(monkeypatch):
    monkeypatch.setattr(curve, "has_torch", lambda: True)
    assert {cell for cell in curve.TASKS if "torch" in curve.contenders(cell)} == {"lstm", "gru reset after"}
    monkeypatch.setattr(curve, "has_torch", lambda: False)
    assert all(curve.contenders(cell) == ["ours"] for cell in curve.TASKS)


def test_what_is_left_at_the_end_does_not_count():
    assert mean_of_each([1.0, 3.0, 5.0, 7.0, 100.0], 2).tolist() == [2.0, 6.0]
