"""`rnnexp report`: its arguments, its exit status, and the files that it leaves."""

import sys

import pytest

from rnnexp.analysis.report import write
from rnnexp.analysis.report.command import run
from rnnexp.cli.main import main
from rnnexp.errors import UserError
from tests.analysis.report.studies import of_seeds

FILES = {"index.html", "table.md", "table.csv", "table.tex", "runs.csv", "report.json", "figures"}


@pytest.fixture
def asked(monkeypatch):
    """Has a study of three seeds stand for what a store holds; collects what is asked of it."""
    given = []

    def load(studies, uri, where, baseline, rules):
        given.append((studies, uri, where, baseline, rules.margin, rules.look))
        return of_seeds(3).load(baseline, rules)

    monkeypatch.setattr(write, "load_study", load)
    return given


def test_arguments_reach_the_study_and_the_files_are_written(asked, tmp_path, capsys):
    run(
        [
            *("study=a, b", "where=dataset.name=ptb", "baseline=lstm", "margin=0.02", "look=2"),
            f"out={tmp_path}",
        ]
    )
    assert asked == [(["a", "b"], "sqlite:///runs/mlflow.db", "dataset.name=ptb", "lstm", 0.02, 2)]
    folder = tmp_path / "a+b"
    assert {path.name for path in folder.iterdir()} == FILES
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert figures >= {f"learning.{kind}" for kind in ("png", "pdf", "svg")}
    out = capsys.readouterr().out
    assert out.startswith((folder / "table.md").read_text())
    assert "provisional: On grammar" in out
    assert f"Written: {folder}/index.html" in out


def test_strict_ends_with_1_where_a_check_refuses_and_still_writes(monkeypatch, tmp_path):
    monkeypatch.setattr(write, "draw", lambda *given: [])
    monkeypatch.setattr(write, "load_study", lambda *given: of_seeds(1).load())
    assert run(["study=a", "strict=true", f"out={tmp_path}"]) == 1
    assert (tmp_path / "a" / "report.json").exists()
    assert run(["study=a", f"out={tmp_path}"]) is None


def test_strict_is_content_where_none_refuses(monkeypatch, tmp_path, asked):
    monkeypatch.setattr(write, "draw", lambda *given: [])
    assert run(["study=a", "strict=true", f"out={tmp_path}"]) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["study=a", "margin=0"], "margin=0 must be a number above 0"),
        (["study=a", "margin=nan"], "margin=nan must be a number"),
        (["study=a", "look=3"], "look must be 1 or 2"),
        (["study=, "], "study= has no value"),
    ],
)
def test_mistakes_get_one_plain_line_and_leave_nothing(tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        run([*arguments, f"out={tmp_path}"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("asked")
def test_a_folder_that_cannot_be_made_is_named_with_its_argument(tmp_path):
    (tmp_path / "text").touch()
    with pytest.raises(
        UserError, match=r"cannot make the folder .*text/a.* \(Not a directory\): name another by out="
    ):
        run(["study=a", f"out={tmp_path / 'text'}"])


def test_it_is_a_command_of_rnnexp(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "argv", ["rnnexp"])
    monkeypatch.chdir(tmp_path)
    assert main(["report", "study=none"]) == 1
    assert capsys.readouterr().err.startswith("rnnexp report: uri=sqlite:///runs/mlflow.db holds no records")
    assert main(["report", "--help"]) == 0
    assert "baseline  compare with this cell" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
