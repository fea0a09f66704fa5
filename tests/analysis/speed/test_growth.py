"""The growth of a step is measured along every axis."""

import json
import sys
from dataclasses import replace

from rnnexp.analysis.speed import growth
from rnnexp.analysis.speed.contenders import has_torch
from rnnexp.analysis.speed.tasks import GRU, LSTM, Shape

AXES = {"hidden_size": [3, 5], "bptt": [2]}
BASE = Shape(vocab_size=11, hidden_size=4, num_layers=1, batch_size=2, bptt=3)


class InThisProcess:
    """Answers like a process of its own, in no time."""

    def __init__(self, make, task):
        self.task = task

    def ask(self, command, *arguments):
        answers = {"losses": [], "use_fastest": 2, "times": [1.0, 3.0, 2.0], "peak_bytes": 10**6}
        return answers[command]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def records_of(monkeypatch, tmp_path, axes, variants):
    monkeypatch.setattr(growth, "AXES", axes)
    monkeypatch.setattr(growth, "BASE", BASE)
    monkeypatch.setattr(growth, "MEASURED", variants)
    monkeypatch.setattr(growth, "TURN_S", 0.001)
    monkeypatch.setattr(growth, "TURNS", 2)
    monkeypatch.setattr(sys, "argv", ["growth", f"out={tmp_path}/new"])
    growth.main()
    assert (tmp_path / "new/growth.png").read_bytes().startswith(b"\x89PNG")
    return json.loads((tmp_path / "new/growth.json").read_text())["records"]


def test_one_axis_is_varied_at_a_time(monkeypatch, tmp_path):
    monkeypatch.setattr(growth, "Worker", InThisProcess)
    monkeypatch.setattr("rnnexp.analysis.speed.contenders.has_torch", lambda: True)
    records = records_of(monkeypatch, tmp_path, AXES, (LSTM, GRU))
    shapes = [replace(BASE, hidden_size=3), replace(BASE, hidden_size=5), replace(BASE, bptt=2)]
    assert len(records) == len(shapes) * 2 * 2
    for k, record in enumerate(records):
        shape = shapes[k // 4]
        assert record.items() >= vars(shape).items()
        assert record["axis"] == ("bptt" if k >= 8 else "hidden_size")
    assert [(record["contender"], record["cell"]) for record in records[:4]] == [
        ("ours", "lstm"),
        ("torch", "lstm"),
        ("ours", "gru"),
        ("torch", "gru reset after"),
    ]
    assert {(r["seconds"], r["peak_bytes"], r["threads"]) for r in records} == {(2.0, 10**6, 2)}


def test_steps_are_measured_in_processes_of_their_own(monkeypatch, tmp_path):
    records = records_of(monkeypatch, tmp_path, {"bptt": [2]}, (LSTM,))
    assert {record["contender"] for record in records} == {"ours", *(["torch"] if has_torch() else [])}
    assert all(record["seconds"] > 0 for record in records)
