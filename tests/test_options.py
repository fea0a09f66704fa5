"""Descriptions of options, and what is found by its file."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from rnnexp.errors import UserError
from rnnexp.options import (
    NOT_NEGATIVE,
    NOTHING,
    POSITIVE,
    SHARE_BELOW_1,
    Option,
    at_least,
    found_by_file,
    greater_than,
    matching,
    one_of,
    options_of,
)


@pytest.mark.parametrize(
    ("allowed", "inside", "outside", "text"),
    [
        (POSITIVE, [1e-30, 5], [0, -1, float("inf"), float("nan")], "a number greater than 0"),
        (NOT_NEGATIVE, [0, 7], [-1], "0 or more"),
        (SHARE_BELOW_1, [0, 0.99], [1, -0.1], "from 0 to below 1"),
        (at_least(2), [2, 3], [1], "at least 2"),
        (greater_than(1), [1.1], [1], "greater than 1"),
        (one_of("a", "b"), ["a", "b"], ["c", ""], "a or b"),
        (one_of("a", "b", None), ["b"], ["null"], "a, b or null"),
        (matching(r"\w+", "a word"), ["word"], ["two words", ""], "a word"),
    ],
)
def test_ranges(allowed, inside, outside, text):
    for value in [*inside, None]:
        allowed.require("k", value)
    for value in outside:
        with pytest.raises(UserError) as raised:
            allowed.require("k", value)
        assert str(raised.value) == f"k={value} must be {text}"


def test_options_of_a_function_and_of_a_dataclass():
    of_it = Option("of it")

    def make(
        size: int, width: Annotated[int | None, of_it], new: Annotated[bool, Option("?", since_default=False)]
    ):
        pass

    @dataclass
    class Config:
        width: Annotated[int | None, of_it]
        new: Annotated[bool, Option("?", since_default=False)]

    found = options_of(make, frozenset({"size"}))
    assert found == options_of(Config)
    assert (found["width"].type, found["width"].default, found["width"].option) == (
        int | None,
        NOTHING,
        of_it,
    )
    assert found["width"].type_name == "int or null"
    assert found["new"].default is False  # a config from before has it so


def test_what_is_not_described_is_refused_with_what_to_write():
    def make(size: int, leak: float = 0.5):
        pass

    with pytest.raises(
        UserError, match=r"its option leak is not described; write leak: Annotated\[float, Opt"
    ):
        options_of(make, frozenset({"size"}))
    with pytest.raises(UserError, match="its option size is not described"):
        options_of(make)


def test_modules_with_a_make_are_found_by_their_files(tmp_path, monkeypatch):
    folder = tmp_path / "some_choices"
    folder.mkdir()
    for name, text in ("__init__", ""), ("base", "x = 1"), ("one", "make = int"), ("two", "def make(): pass"):
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    import some_choices

    found = found_by_file("some_choices", some_choices.__path__)
    assert list(found) == ["one", "two"]
    assert found["one"] is int
