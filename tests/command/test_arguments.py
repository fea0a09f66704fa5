"""The reader of KEY=VALUE arguments gives each the type of its field, and names what does not fit."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rnnexp.command.arguments import read, split, split_paths
from rnnexp.errors import UserError


@dataclass
class Options:
    name: str
    number: int = 3
    share: float | None = 0.5
    wanted: bool = False
    folder: str | None = field(default=None, metadata={"key": "data.folder"})


def test_values_have_the_types_of_their_fields():
    assert read(["name=a=b"], Options) == Options("a=b")
    given = ["name=null", "number=-7", "share=1e-3", "wanted=True", "data.folder=/x"]
    assert read(given, Options) == Options("null", -7, 0.001, True, "/x")
    assert read(["name=", "share=null", "data.folder=null"], Options) == Options("", share=None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name has no value: add name=VALUE"),
        (["name=a", "number=1", "number=2"], "number is given twice: leave one out"),
        (["name=a", "number=1.5"], "number=1.5 must be a whole number"),
        (["name=a", "number=null"], "number=null must be a whole number"),
        (["name=a", "share=much"], "share=much must be a number"),
        (["name=a", "share=nan"], "share=nan must be a number"),
        (["name=a", "share=-inf"], "share=-inf must be a number"),
        (["name=a", "wanted=1"], "wanted=1 must be true or false"),
        (
            ["name=a", "folder=x"],
            "folder=x is not known: did you mean data.folder=? There are name=",
        ),
        (["name=a", "name"], "name is not known"),
    ],
)
def test_what_does_not_fit_is_named(arguments, message):
    with pytest.raises(UserError) as refused:
        read(arguments, Options)
    assert str(refused.value).startswith(message)


def test_what_is_no_option_is_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["runs", "name=a", "cell=gru", "lr=1"]
    assert split(arguments, Options) == (["name=a"], ["runs", "cell=gru", "lr=1"])
    assert split_paths(arguments, Options) == ([Path("runs")], ["name=a", "cell=gru", "lr=1"])
    (tmp_path / "lr=1").mkdir()  # a folder may be called so
    assert split_paths(arguments, Options) == ([Path("runs"), Path("lr=1")], ["name=a", "cell=gru"])
