"""Check that docstrings open with a verb and its object, and that every package says what it is for."""

import ast

import pytest

from tests.conftest import REPOSITORY

# first words that begin a riddle or a label instead; see `opens_with_a_verb` for other forms
NO_VERBS = frozenset(
    word
    for words in (
        "a all an any as at by each every for from how if in it its no of on one only see some such that the their",
        "there these this those to two under what when where whether which who whom whose why with within",
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
    """Yield every docstring of a file, with the line of what it belongs to."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
            text := ast.get_docstring(node)
        ):
            yield getattr(node, "lineno", 1), text


def opens_with_a_verb(text):
    """Return whether a docstring's first word can be a verb in the imperative.

    A word that ends in s is in the third person ("Returns") or a plural ("Tables"), unless it is one like "Pass";
    a word that ends in ing ("Reading") is a label, unless it is "Bring".
    """
    first = text.split()[0]
    word = first.lower().removesuffix(",")
    return (
        first[0].isupper()
        and word.isalpha()
        and word not in NO_VERBS
        and (not word.endswith("s") or word.endswith("ss"))
        and (not word.endswith("ing") or word == "bring")
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_docstrings_open_with_a_verb(path):
    for line, text in docstrings(path):
        assert opens_with_a_verb(text), f"line {line}: {text.splitlines()[0]}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Return the loss.", True),
        ("Train, test and record a run.", True),
        ("Pass the state on.", True),
        ("Bring the arrays home.", True),
        ("Returns the loss.", False),
        ("Does a step.", False),
        ("Tables of runs.", False),
        ("Training: a step.", False),
        ("Reading the files.", False),
        ("Within: compute.", False),
        ("The loss.", False),
        ("`make` builds it.", False),
        ("values -= lr * g", False),
        ("1,536 names.", False),
    ],
)
def test_third_persons_and_labels_are_found(text, expected):
    assert opens_with_a_verb(text) is expected


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "__init__.py"], ids=str)
def test_a_package_says_what_it_is_for(path):
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert text, path
    assert text.splitlines()[0].endswith(".")
