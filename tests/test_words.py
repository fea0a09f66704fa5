"""Docstrings open with a verb and its object, and every package says what it is for."""

import ast

import pytest

from tests.conftest import REPOSITORY

# first words that begin a riddle or a label instead
NO_VERBS = frozenset(
    word
    for words in (
        "a all an any as at by each every for from how if in it its no of on one only some such that the their",
        "these this those to under what when where whether which who whose why",
    )
    for word in words.split()
)
FILES = sorted(
    path
    for top in ("rnnexp", "analysis")
    for path in (REPOSITORY / top).rglob("*.py")
    if "conf" not in path.parts
)


def docstrings(path):
    """Every docstring of a file, with the line of what it belongs to."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
            text := ast.get_docstring(node)
        ):
            yield getattr(node, "lineno", 1), text


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_docstrings_open_with_a_verb(path):
    for line, text in docstrings(path):
        first = text.split()[0]
        assert first.lower().strip(",:`") not in NO_VERBS, f"line {line}: {text.splitlines()[0]}"
        assert first[0].isupper() or first[0] in "`_0", f"line {line}: {text.splitlines()[0]}"


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "__init__.py"], ids=str)
def test_a_package_says_what_it_is_for(path):
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert text, path
    assert text.splitlines()[0].endswith(".")
