"""The commands, from recorded runs to the files that they write."""

import itertools
import shutil

import numpy as np
import pandas as pd
import pytest

from rnnexp.analysis import challenge, compare
from rnnexp.cli.sync import sync
from rnnexp.errors import Diverged, UserError
from tests.helpers.modules import run_module
from tests.helpers.runs import run_in


@pytest.fixture(scope="module")
def study(tmp_path_factory, empty_store):
    """A folder with the records of study `s`: two cells with two seeds each, and a run that failed."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "runs").mkdir()
    shutil.copy(empty_store, folder / "runs/mlflow.db")
    for cell, seed in itertools.product(("lstm", "gru"), (0, 1)):
        run_in(folder / "runs/s", "study=s", f"cell={cell}", f"seed={seed}")
    with pytest.raises(Diverged):
        run_in(folder / "runs/s", "study=s", "cell=rnn", "optimizer.lr=1e38", "optimizer.clip_norm=null")
    deliver(folder)
    return folder


def deliver(folder):
    sync([folder / "runs"], f"sqlite:///{folder}/runs/mlflow.db")


def test_a_study_from_the_command_to_table_and_figure(study):
    result = run_module(study, "analysis.compare", "study=s")
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    out = result.stdout
    assert "0 of 1, 1 diverged" in out
    assert "diverged (Diverged: the " in out
    assert "values only: " in out
    assert "refused: diverged: " in out
    folder = study / "runs" / "reports" / "s"
    assert out.startswith((folder / "compare.md").read_text().removeprefix("# s\n\n"))
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    table = pd.read_csv(folder / "compare.csv")
    assert table["finished"].tolist() == [2, 2, 0]
    # the numbers are those of the run folders
    results = [pd.read_json(p, typ="series") for p in study.glob("runs/s/*lstm*/result.json")]
    lstm = table[table["cell.name"] == "lstm"].iloc[0]
    losses = [result["test/loss"] for result in results]
    assert lstm["test_loss_mean"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert lstm["test_loss_sd"] == pytest.approx(np.std(losses, ddof=1), rel=1e-4)
    assert lstm["test_ppl"] == pytest.approx(np.exp(np.mean(losses)), rel=1e-5)
    assert lstm["parameters"] == results[0]["num_params"]


def test_what_is_compared_is_chosen_on_the_command_line(study, monkeypatch, capsys):
    monkeypatch.chdir(study)
    compare.run(["study=s", "where=cell.name!=rnn and seed=0", "baseline=gru", "margin=0.02", "out=o"])
    out = capsys.readouterr().out
    assert "one run each: " in out
    assert "rnn" not in out
    assert (study / "o" / "s" / "compare.csv").exists()


@pytest.mark.parametrize("command", [compare, challenge])
def test_a_folder_that_cannot_be_made_is_named(study, monkeypatch, command):
    monkeypatch.chdir(study)
    (study / "text").touch()
    with pytest.raises(UserError, match=r"the folder text/s \(Not a directory\): name another by out="):
        command.run(
            ["study=s", "where=cell.name!=rnn", "out=text"] if command is compare else ["study=s", "out=text"]
        )


def test_a_study_of_nothing_but_failures_is_told_as_such(study, monkeypatch, capsys):
    with pytest.raises(UserError, match="one batch of"):
        run_in(study / "runs/failed", "study=failed", "train.batch_size=4000")
    deliver(study)
    monkeypatch.chdir(study)
    compare.run(["study=failed"])
    out = capsys.readouterr().out
    assert "Not in the numbers" in out
    assert "one batch of train.batch_size" in out


def test_the_challenge_ranks_the_runs_of_a_study(study, monkeypatch, capsys):
    monkeypatch.chdir(study)
    challenge.run(["study=s"])
    out = capsys.readouterr().out
    folder = study / "runs" / "reports" / "s"
    assert out.startswith((folder / "challenge.md").read_text().removeprefix("# s\n\n"))
    assert (folder / "challenge.png").read_bytes().startswith(b"\x89PNG")
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith("| ")][2:]
    losses = [float(row[3]) for row in rows]
    assert len(rows) == 4
    assert losses == sorted(losses)
    finished = [path.parent for path in study.glob("runs/s/*/result.json")]
    recorded = [pd.read_json(folder / "records.jsonl", lines=True) for folder in finished]
    assert losses == pytest.approx(sorted(r["valid/loss"].min() for r in recorded), abs=1e-4)
    assert any("nobody beats it" in row[-1] for row in rows)


MISTAKES = [
    (["study=none"], "uri=sqlite:///runs/mlflow.db holds no records"),
    ([], "study"),
    (["stdy=x"], "stdy=x is not known: did you mean study=? There are study="),
    (["study=s", "margin=0"], "margin=0 must be a number above 0, of nats"),
    (["study=s", "margin=nan"], "margin=nan must be a number"),
    (["study=s", "margin=inf"], "margin=inf must be a number"),
    (["study=s", "look=3"], "look must be 1 or 2, is 3"),
    (["study=,"], "study= has no value"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistakes_get_one_plain_line(tmp_path, in_process, arguments, message):
    result = in_process("compare", *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert message in line
    assert not (tmp_path / "runs").exists()


def test_a_mistake_is_all_that_the_command_prints(tmp_path):
    arguments, message = MISTAKES[0]
    result = run_module(tmp_path, "analysis.compare", *arguments)
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert message in result.stderr
    assert not result.stdout
    assert not (tmp_path / "runs").exists()
