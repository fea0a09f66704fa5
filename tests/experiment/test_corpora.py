"""A text is made once for the processes that are forked later, and says the same in each."""

import logging
from pathlib import Path

import pytest

from rnnexp.errors import UserError
from rnnexp.experiment import corpora


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(corpora, "KEPT", {})
    corpora.ASKED.clear()


@pytest.fixture
def section(tmp_path):
    def of(name, train="a b a b", valid="a b", test="a z z z"):
        file = tmp_path / name
        file.mkdir()
        for split, text in ("train", train), ("valid", valid), ("test", test):
            (file / f"{split}.txt").write_text(f"{text}\n" * 20)
        paths = {"path": str(file / "train.txt"), "valid_path": str(file / "valid.txt")}
        return {"name": "text", **paths, "test_path": str(file / "test.txt")}

    return of


def asked(section, monkeypatch):
    """How often the text of a section is made when it is asked for."""
    made = []
    make = corpora.make_chosen
    with monkeypatch.context() as within:
        within.setattr(corpora, "make_chosen", lambda *given: made.append(given) or make(*given))
        corpora.of(section)
    return len(made)


def test_a_text_that_several_ask_for_is_kept(monkeypatch):
    section = {"name": "grammar", "train_tokens": 300, "valid_tokens": 100, "test_tokens": 100}
    corpora.keep(section)
    assert asked(section, monkeypatch) == 1  # it may be the only one that asks
    corpora.keep(dict(reversed(section.items())))
    assert asked(section, monkeypatch) == 0
    assert asked(section | {"test_tokens": 101}, monkeypatch) == 1
    made = corpora.make_chosen("dataset", section)
    assert corpora.of(section).digest() == made.digest()


@pytest.mark.parametrize("key", ["path", "test_path"])
def test_a_text_that_has_changed_is_read_again(section, monkeypatch, key):
    """Train on what the run's hash is of: the file as it is now."""
    text = section("edited")
    corpora.keep(text)
    corpora.keep(text)
    file = Path(text[key])
    file.write_text(file.read_text() + "b b\n")
    assert asked(text, monkeypatch) == 1


def test_only_the_latest_are_kept(monkeypatch):
    sections = [{"name": "grammar", "train_tokens": 300 + n} for n in range(corpora.MOST + 1)]
    for section in sections:
        corpora.keep(section)
        corpora.keep(section)
    assert len(corpora.KEPT) == corpora.MOST
    assert asked(sections[0], monkeypatch) == 1
    assert asked(sections[-1], monkeypatch) == 0


def test_what_is_to_be_said_of_a_text_is_said_in_every_run(section, caplog):
    text = section("few")
    caplog.set_level(logging.INFO)
    corpora.make_chosen("dataset", text)
    said = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert any("are not in the vocabulary" in message for _, message in said)
    corpora.keep(text)
    for make_ahead in corpora.keep, corpora.ahead:
        caplog.clear()
        make_ahead(text)
        assert caplog.records == []
        corpora.of(text)
        assert [(record.levelno, record.getMessage()) for record in caplog.records] == said


def test_a_text_that_cannot_be_made_is_named_by_whoever_needs_it(tmp_path):
    gone = {"name": "text", "path": str(tmp_path / "gone.txt")}
    corpora.keep(gone)
    corpora.keep(gone)
    for needs in corpora.of, corpora.ahead:
        with pytest.raises(UserError, match=r"gone\.txt"):
            needs(gone)
    assert corpora.KEPT == {}
