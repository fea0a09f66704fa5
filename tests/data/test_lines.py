"""Texts that are sets of lines."""

import pytest

from rnnexp.data.datasets import text
from rnnexp.errors import UserError


def corpus(tmp_path, content, **options):
    path = tmp_path / "lines.txt"
    path.write_text(content, encoding="utf-8")
    return text.make(str(path), lines=True, **options)


def lines_of(corpus, split):
    symbols = [corpus.vocabulary.symbols[token] for token in corpus.splits[split]]
    return "".join(symbols).split("\n")[:-1]


def test_lines_are_split_at_random_copies_together_empty_ones_left_out(tmp_path, caplog):
    caplog.set_level("INFO")
    names = [f"name{k}" for k in range(50)]
    made = corpus(tmp_path, "\n".join([*names, "", "  ", *names[:20]]), level="char", split=(0.6, 0.2, 0.2))
    assert "2 empty lines are left out" in caplog.text
    parts = {split: lines_of(made, split) for split in ("train", "valid", "test")}
    assert [len(set(part)) for part in parts.values()] == [30, 10, 10]
    assert sorted(line for part in parts.values() for line in part) == sorted(names + names[:20])
    assert parts["train"] != sorted(parts["train"])
    same = corpus(tmp_path, "\n".join([*names, "", "  ", *names[:20]]), level="char", split=(0.6, 0.2, 0.2))
    assert same.digest() == made.digest()


def test_lines_of_words_end_with_eos(tmp_path):
    made = corpus(tmp_path, "a b\nc a\nb c\n")
    assert made.vocabulary.symbols[made.end] == "<eos>"
    assert sum(len(part) for part in made.splits.values()) == 9


def test_too_few_lines_are_refused(tmp_path):
    with pytest.raises(
        UserError, match=r"lines.txt has 1 lines that differ; training, validation and test take one each"
    ):
        corpus(tmp_path, "once\nonce\n")
