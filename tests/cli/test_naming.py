"""A run is named by its folder, or by its study where that says which run is meant; else a line says what to type."""

import json
from pathlib import Path

import pytest

from rnnexp.cli import generate, naming
from rnnexp.errors import UserError
from rnnexp.records.lease import REQUIRED


@pytest.fixture
def studies(tmp_path, monkeypatch):
    """Two studies: of one run, and of two, the second of which was interrupted; and what is neither."""
    monkeypatch.chdir(tmp_path)
    for place, status in ("one/a", "FINISHED"), ("two/a", "FINISHED"), ("two/b", "KILLED"):
        folder = Path("runs") / place
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("study: x\n")
        (folder / "state.json").write_text(json.dumps(dict.fromkeys(REQUIRED) | {"status": status}))
        if status == "FINISHED":
            (folder / "best.npz").touch()
            (folder / "result.json").write_text("{}")
    Path("runs/two/search.db").touch()
    Path("empty").mkdir()
    Path("a file").touch()


def resumed(named):
    return naming.folder_of(named, "rnnexp resume ", naming.may_go_on).path


def written_by(named):
    return naming.folder_of(named, "rnnexp generate run=", naming.has_weights).path


@pytest.mark.usefixtures("studies")
@pytest.mark.parametrize(
    "named", ["runs/one/a", "runs/one", "one", "./runs/one/", "runs/one/a/best.npz", "runs/one/../one/a"]
)
def test_a_run_and_the_only_one_of_a_study_are_found(named):
    assert written_by(named).samefile("runs/one/a")
    assert resumed(named).samefile("runs/one/a")


def test_a_home_folder_that_is_nobodys_is_named():
    for find in resumed, written_by:
        with pytest.raises(UserError, match=r"^~nobody-here/a begins with the home folder of nobody here"):
            find("~nobody-here/a")


@pytest.mark.usefixtures("studies")
def test_the_only_run_that_the_command_is_for_is_meant():
    assert resumed("two").samefile("runs/two/b")
    assert written_by("two").samefile("runs/two/a")


@pytest.mark.usefixtures("studies")
def test_of_several_one_is_to_be_typed():
    Path("runs/two/b/best.npz").touch()
    with pytest.raises(
        UserError, match=r"^two holds 2 runs: name one, as in rnnexp generate run=runs/two/a$"
    ):
        written_by("two")


@pytest.mark.usefixtures("studies")
@pytest.mark.parametrize("named", ["empty", "a file", "runs", "gone", "~/gone", "a file/x"])
def test_what_is_no_run_is_refused(named):
    with pytest.raises(UserError, match=f"^{named} is no run folder"):
        resumed(named)


@pytest.mark.usefixtures("studies")
def test_a_home_folder_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resumed("~/runs/one/a").samefile("runs/one/a")


@pytest.mark.usefixtures("studies")
def test_a_run_needs_no_key():
    def read(*given):
        return naming.with_run(given, generate.Options)

    assert read("num=2", "runs/one/a") == ["num=2", "run=runs/one/a"]
    assert read("run=one", "num=2") == ["run=one", "num=2"]
    with pytest.raises(UserError, match=r"^--num is not known: did you mean num=\?"):
        read("one", "--num", "3")
    for given in ("one", "two"), ("run=one", "two"):
        with pytest.raises(UserError, match="two is one run too many"):
            read(*given)


@pytest.mark.usefixtures("studies")
@pytest.mark.parametrize("command", ["status", "clean", "sync", "offline"])
def test_a_study_in_place_of_a_folder_gets_the_folder(in_process, command):
    assert (
        in_process(command, "two").stderr == f"rnnexp {command}: two is no folder: did you mean runs/two?\n"
    )
