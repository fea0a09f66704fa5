"""The published figures stand beside what is recorded here."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from rnnexp.analysis.command import chosen
from rnnexp.analysis.insert import put_into
from rnnexp.analysis.published import PUBLISHED
from rnnexp.analysis.reproduce import BEGIN, END, run, table_row
from rnnexp.analysis.where import is_same
from rnnexp.errors import UserError
from tests.conftest import REPOSITORY
from tests.helpers.modules import run_module

TINY = ("train.max_epochs=2", "model.hidden_size=8")


@pytest.fixture
def reproduce(monkeypatch, tracked_in_process, capfd, request):
    """The command on a preset made small, by more overrides where a test gives some; returns what it prints.

    The commands that it starts are done in this process.
    """
    preset = next(result for result in PUBLISHED if result.name == "char_gru_hackathon")
    small = replace(preset, overrides=(*preset.overrides, *TINY, *getattr(request, "param", ())))
    monkeypatch.setattr("rnnexp.analysis.reproduce.PUBLISHED", [small])

    def start(command, **_):
        assert command[:3] == [sys.executable, "-m", "rnnexp"]
        said.append(capfd.readouterr().out)
        return tracked_in_process(*command[3:])

    said = []
    monkeypatch.setattr("rnnexp.analysis.reproduce.subprocess", SimpleNamespace(run=start))

    def call(*arguments):
        said.clear()
        run(arguments)
        return "".join([*said, capfd.readouterr().out])

    return call


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_the_published_figures_beside_ours(reproduce, tracked_in_process, tmp_path):
    assert "| not run |" in reproduce()
    other = ["experiment=char_gru_hackathon", *TINY, "train.max_epochs=1", "seed=7"]
    assert tracked_in_process(*other).returncode == 0
    assert "| not run |" in reproduce(), "a run with other settings is not the preset's"
    made = reproduce("run=true")
    assert made.startswith("rnnexp -m experiment=char_gru_hackathon seed=0,1,2 ")
    records = [
        pd.read_json(p, lines=True)
        for p in tmp_path.glob("runs/char_gru_hackathon/*seed[012]_*/records.jsonl")
    ]
    assert len(records) == 3
    ours = np.mean([r[r["updates"] >= 10]["train/sequence_loss"].iloc[0] for r in records])
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    again = reproduce("run=true", "into=page.md")
    assert again.startswith("| model |"), "what has finished is not run again"
    table = (tmp_path / "runs/reports/reproduce.md").read_text()
    assert f"**{ours:.4g}** (" in table
    assert page.read_text() == f"before\n{BEGIN}\n{table}{END}\nafter\n"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("reproduce", [("cell=lstm_dlfs2", "seed=0")], indirect=True)
def test_a_run_of_the_books_cell_is_recognised(reproduce):
    assert "| not run |" not in reproduce("run=true")


def test_a_mistake_is_named(tmp_path):
    with pytest.raises(UserError, match="only=nonsense is not known: choose from char_gru_hackathon, "):
        chosen(PUBLISHED, "nonsense")
    page = tmp_path / "page.md"
    page.write_text("no marks")
    with pytest.raises(UserError, match="has no place for the table"):
        put_into(page, BEGIN, END, "table")
    assert page.read_text() == "no marks"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("into=gone.md", "into=gone.md is no file"),
        ("into=page.md", "into=page.md has no place for the table"),
        ("data=gone", "data=gone is no folder: name that which holds dinos.txt and ptb/"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_written(in_process, tmp_path, argument, message):
    (tmp_path / "page.md").write_text("no marks")
    result = in_process("reproduce", "only=dinosaur_names", argument)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"rnnexp reproduce: {message}")
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]


def test_what_cannot_be_run_without_data_is_named(in_process):
    result = in_process("reproduce", "only=dinosaur_names", "run=true")
    assert result.stdout.splitlines()[-1] == "Not run: dinosaur_names: add data=FOLDER, which holds dinos.txt"
    assert "Not run: " not in in_process("reproduce", "only=dinosaur_names").stdout


def test_what_a_run_that_fails_says_stands_alone(rnnexp, tmp_path):
    result = rnnexp("reproduce", "only=dinosaur_names", "run=true", f"data={tmp_path}")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"rnnexp: seed=0: dataset.dir={tmp_path} holds no dinos.txt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("recorded", "value", "same"),
    [
        ("null", None, True),
        ("None", None, True),
        ("0", None, False),
        ("1", 1.0, True),
        ("1e-3", 0.001, True),
        ("2", 1.0, False),
        ("True", "true", True),
        ("before", "after", False),
    ],
)
def test_a_recorded_parameter_is_recognised_however_it_was_written(recorded, value, same):
    assert is_same(recorded, value) is same


def test_a_model_is_prepared_for_another_machine(tmp_path):
    made = run_module(tmp_path, "analysis.reproduce", "only=dlfs2_better_gru", "prepare=true")
    assert made.returncode == 0, made.stderr
    assert "3 of 3 jobs prepared" in made.stdout
    assert len(list(tmp_path.glob("runs/dlfs2_better_gru/gru_seed?_*/config.yaml"))) == 3


def test_the_page_of_the_analysis_has_the_table_of_the_published_results():
    _, _, rest = (REPOSITORY / "analysis/README.md").read_text().partition(f"{BEGIN}\n")
    shown = [line.split(" | ") for line in rest.partition(END)[0].splitlines()[2:]]
    made = [table_row(result, None, "").split(" | ") for result in PUBLISHED]
    assert [line[:3] + line[-1:] for line in shown] == [line[:3] + line[-1:] for line in made]
