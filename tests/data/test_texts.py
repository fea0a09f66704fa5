"""What becomes of a text: which symbols are known, how many are not, how long it is, where it comes from."""

import os
import random
import threading

import numpy as np
import pytest

from rnnexp.data import files, texts
from rnnexp.data.datasets import ptb_char, text, text8, wikitext2
from rnnexp.data.lines import of_lines
from rnnexp.data.texts import Reading, UnknownSymbols, read_as
from rnnexp.data.vocabulary import Limits, Numbering
from rnnexp.errors import UserError

HALF = (0.5, 0.25, 0.25)


def write(path, content):
    path.write_bytes(content.encode())
    return str(path)


def words(corpus, split):
    return [corpus.vocabulary.symbols[token] for token in corpus.splits[split]]


def test_rare_words_of_training_are_the_unknown_one(tmp_path):
    path = write(tmp_path / "t.txt", "a a a b b c d " + "a c new " + "b new2 d")
    corpus = text.make(path, split=(7 / 13, 3 / 13, 3 / 13), min_count=2)
    assert corpus.vocabulary.symbols == ["a", "<unk>", "b"]  # c and d are two unknown words
    assert words(corpus, "train") == ["a", "a", "a", "b", "b", "<unk>", "<unk>"]
    assert words(corpus, "valid") == ["a", "<unk>", "<unk>"]
    assert corpus.unseen_share("train") == pytest.approx(2 / 6), "the first token is no target"
    assert corpus.unseen_share("valid") == 1.0


def test_a_vocabulary_has_the_most_frequent_symbols_and_keeps_the_end_of_a_line(tmp_path):
    path = write(tmp_path / "t.txt", "\n".join(["a b", "a b c", "a a b", "b a d e", "a"]) + "\n")
    corpus = text.make(path, lines=True, max_vocab=3, split=(0.6, 0.2, 0.2))
    assert len(corpus.vocabulary) == 3
    assert {"<unk>", "<eos>", "a"} == set(corpus.vocabulary.symbols)
    assert corpus.vocabulary.symbols[corpus.end] == "<eos>"


def test_a_vocabulary_without_limits_has_an_unknown_symbol_only_where_one_is_needed(tmp_path):
    known = text.make(write(tmp_path / "a.txt", "a b " * 20), split=HALF)
    assert known.vocabulary.symbols == ["a", "b"]
    assert known.unseen == {}
    assert known.unseen_share("test") == 0


def test_splits_come_from_files_of_their_own(tmp_path):
    own = {split: write(tmp_path / split, f"{split} a b\n" * 3) for split in ("train", "valid", "test")}
    corpus = text.make(own["train"], valid_path=own["valid"], test_path=own["test"])
    assert words(corpus, "train") == ["train", "a", "b", "<eos>"] * 3
    assert words(corpus, "test") == ["<unk>", "a", "b", "<eos>"] * 3
    assert corpus.unseen_share("test") == pytest.approx(2 / 11)
    lines = text.make(own["train"], valid_path=own["valid"], test_path=own["test"], lines=True)
    assert lines.end is not None
    assert words(lines, "valid") == words(corpus, "valid")
    with pytest.raises(UserError, match=r"valid_path and dataset.test_path go together"):
        text.make(own["train"], valid_path=own["valid"])


def test_a_part_of_a_corpus(tmp_path):
    path = write(tmp_path / "t.txt", "a b c " + "d " * 3 + "a b c d")
    corpus = text.make(path, split=(0.6, 0.2, 0.2), max_tokens=3)
    assert words(corpus, "train") == ["a", "b", "c"]
    assert words(corpus, "test") == ["c", "<unk>"]
    assert len(corpus.splits["valid"]) == 2, "only the training split is cut"


def test_many_unseen_words_are_said(tmp_path, caplog):
    caplog.set_level("WARNING")
    parts = {"train": "a b " * 50 + "once", "valid": "a " * 91 + "new " * 10, "test": "a b " * 50}
    own = {split: write(tmp_path / split, part) for split, part in parts.items()}
    text.make(own["train"], valid_path=own["valid"], test_path=own["test"])
    (said,) = caplog.messages
    assert said.startswith(
        "10.0% of the valid tokens are not in the vocabulary and read as <unk>, which training"
    )
    assert "dataset.min_count=2 trains it" in said
    text.make(own["train"], valid_path=own["valid"], test_path=own["test"], min_count=2)
    assert "compare perplexities of the same vocabulary only" in caplog.messages[1]
    write(tmp_path / "train", "a <unk> b " * 50)  # as Penn Treebank has it
    text.make(own["train"], valid_path=own["valid"], test_path=own["test"])
    assert "compare perplexities of the same vocabulary only" in caplog.messages[2]


@pytest.mark.parametrize("level", ["word", "char", "bpe"])
def test_bytes_are_those_of_the_written_text(tmp_path, level):
    """Of a text with one white space between words; a stream's first token is no target."""
    parts = {"train": "der Bär\nist\n\nmüde\n" * 5, "valid": "müde ist\n", "test": "neu müde\n\nist\n"}
    own = {split: write(tmp_path / split, part) for split, part in parts.items()}
    corpus = text.make(own["train"], level, valid_path=own["valid"], test_path=own["test"], max_vocab=300)
    for split, part in parts.items():
        first = part.split()[0] + " " if level == "word" else part[0]
        if level == "bpe":
            first = corpus.text(corpus.splits[split][:1])
        assert corpus.bytes[split] == len(part.encode()) - len(first.encode())
        assert corpus.bytes_per_token(split) == corpus.bytes[split] / (len(corpus.splits[split]) - 1)
    lines = text.make(own["train"], level, valid_path=own["valid"], test_path=own["test"], lines=True)
    assert lines.bytes["valid"] == len(parts["valid"].encode()), "of sequences every token is one"


def test_too_little_is_said_without_a_warning(tmp_path):
    few = write(tmp_path / "few.txt", "a short text")
    with pytest.raises(
        UserError, match=r"dataset\.min_count=9 leaves no symbol: the most frequent occurs 1 times"
    ):
        text.make(few, min_count=9)
    assert text.make(few, level="char").unseen_share("test") == 0


def test_parts_of_words_leave_nothing_unseen_and_give_the_text_back(tmp_path):
    path = write(tmp_path / "t.txt", "the cat sat on the mat\n" * 50 + "ein Bär, naïve 猫\n" * 5)
    corpus = text.make(path, "bpe", split=(0.9, 0.05, 0.05), max_vocab=265)
    assert len(corpus.vocabulary) == 265
    assert corpus.unseen == {}
    assert "<unk>" not in corpus.vocabulary.index
    whole = "".join(corpus.text(corpus.splits[split]) for split in ("train", "valid", "test"))
    assert whole.endswith("naïve 猫\n")
    assert len(corpus.splits["train"]) < 0.7 * len(whole)
    assert text.make(path, "bpe", max_vocab=265).digest() == corpus.digest(), "the same text, the same parts"
    with pytest.raises(UserError, match="min_count is for words and characters"):
        text.make(path, "bpe", min_count=2)


def test_copies_of_a_line_are_copies_whatever_white_space_they_have(tmp_path):
    lines = ["a b"] * 5 + ["a  b"] * 5 + ["c", "d", "e"]
    for seed in range(5):
        corpus = of_lines(lines, Reading(), (0.5, 0.25, 0.25), seed, "here")
        assert max(map(len, corpus.splits.values())) >= 30, "ten lines of three symbols"


def test_a_literal_end_is_refused_between_words_and_is_text_between_characters(tmp_path):
    path = write(tmp_path / "t.txt", "a <eos> b\n" * 20)
    with pytest.raises(UserError, match=r"has the word <eos>, which stands for a newline"):
        text.make(path)
    assert "<" in text.make(path, "char").vocabulary.index
    text.make(write(tmp_path / "u.txt", "a<eos> b\n" * 20))


def test_byte_order_marks_within_are_left_out(tmp_path, caplog):
    caplog.set_level("INFO")
    plain = text.make(write(tmp_path / "a.txt", "a b\n" * 20))
    marked = text.make(write(tmp_path / "b.txt", "\ufeff" + "a b\n" * 10 + "\ufeff" + "a b\n" * 10))
    assert plain.digest() == marked.digest()
    assert "1 byte order marks within" in caplog.text


def test_what_can_be_read_only_once_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    save, name = "save what it gives to a file and name that", "name a file in it"
    for path, kind, remedy in (
        (tmp_path / "pipe", "pipe", save),
        (tmp_path, "folder", name),
        ("/dev/null", "device", save),
    ):
        refused = []

        def read(path=path, refused=refused):
            with pytest.raises(UserError) as error:
                text.make(str(path))
            refused.append(str(error.value))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        thread.join(timeout=10)
        assert f"cannot read {path}: it is a {kind}; {remedy}" in refused[0]


def test_a_pipe_is_refused_by_the_command(rnnexp, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    result = rnnexp("dataset=text", "dataset.path=pipe", "tracking=none")
    assert result.returncode == 1
    assert "it is a pipe" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_characters_are_numbered_alike_in_blocks_of_any_size(block, monkeypatch):
    monkeypatch.setattr("rnnexp.data.vocabulary.BLOCK", block)
    rng = random.Random(0)
    content = "".join(rng.choice("abcäß猫\U0001f600\n ") for _ in range(500))
    numbering = Numbering()
    numbers = numbering.characters(content)
    assert "".join(numbering.symbols[number] for number in numbers) == content
    assert len(numbering.symbols) == len(set(content))


def test_limits_without_a_limit_leave_nothing_out():
    assert not Limits().leaves_out
    assert Limits(min_count=2).leaves_out
    assert Limits(max_size=10).leaves_out


def test_wikitext_is_read_and_checked_by_its_counts(tmp_path, monkeypatch):
    """With files that stand in for those of WikiText-2."""
    for split in "train", "valid", "test":
        write(tmp_path / f"wiki.{split}.tokens", " \n = A title = \n \n The <unk> cat \n")
    monkeypatch.setattr(wikitext2, "COUNTS", {"train": 11, "valid": 11, "test": 11})
    corpus = wikitext2.make(str(tmp_path))
    assert words(corpus, "test") == [
        *("<eos>", "=", "A", "title", "=", "<eos>", "<eos>"),
        *("The", "<unk>", "cat", "<eos>"),
    ]
    monkeypatch.setattr(wikitext2, "COUNTS", {"train": 11, "valid": 11, "test": 12})
    with pytest.raises(UserError, match=r"wiki.test.tokens has 11 words, the data set 12"):
        wikitext2.make(str(tmp_path))


def test_text8_is_read_and_checked_by_its_counts(tmp_path, monkeypatch):
    write(tmp_path / "text8", " anarchism originated" * 10)
    with pytest.raises(UserError, match=r"text8 has 210 characters, the data set 100,000,000"):
        text8.make(str(tmp_path))
    monkeypatch.setattr(text8, "COUNTS", {"characters": 210})
    corpus = text8.make(str(tmp_path))
    assert [len(corpus.splits[split]) for split in ("train", "valid", "test")] == [189, 11, 10]


def test_penn_treebank_as_characters(ptb_dir):
    corpus = ptb_char.make(str(ptb_dir))
    assert [len(corpus.splits[split]) for split in ("train", "valid", "test")] == [
        5_017_482,
        393_042,
        442_423,
    ]
    assert len(corpus.vocabulary) == 50
    assert corpus.text(corpus.splits["valid"][:24]) == "consumers may want to mo"


def test_counts_are_refused_in_words(tmp_path):
    with pytest.raises(UserError, match="has 3 words, the data set 1,000: take the file of the data set"):
        files.require_counts(tmp_path, {"words": 3}, {"words": 1000})


def test_unseen_tokens_are_a_matter_of_the_vocabulary_not_of_the_text(tmp_path):
    """A word <unk> that stands in the text is a word like any other."""
    corpus = text.make(write(tmp_path / "t.txt", "a <unk> " * 40), split=HALF)
    assert corpus.unseen == {}
    mixed = text.make(write(tmp_path / "u.txt", "a <unk> " * 40 + "new"), split=(0.5, 0.25, 0.25))
    assert mixed.vocabulary.symbols == ["<unk>", "a"]
    assert np.count_nonzero(mixed.unseen["test"]) == 1


@pytest.mark.parametrize("level", ["word", "char", "bpe"])
def test_a_part_of_lines_is_of_whole_lines(tmp_path, level):
    own = {split: write(tmp_path / split, "q w e r t y\nef\n" * 30) for split in ("train", "valid", "test")}
    how = {"valid_path": own["valid"], "test_path": own["test"], "lines": True}
    how |= {"max_vocab": 256} if level == "bpe" else {}  # bytes
    corpus = text.make(own["train"], level, max_tokens=20, **how)
    assert 0 < len(corpus.splits["train"]) <= 20
    assert corpus.splits["train"][-1] == corpus.end
    with pytest.raises(UserError, match=r"dataset\.max_tokens=2 is less than the first line has"):
        text.make(own["train"], level, max_tokens=2, **how)


@pytest.mark.parametrize("level", ["word", "char", "bpe"])
def test_every_line_of_own_files_is_a_sequence_that_ends(tmp_path, level):
    """Also a last one without a newline, and one with white space before it; empty ones are none."""
    content = "a b \n\n  \nc  \n" * 40 + "a b"
    own = {split: write(tmp_path / split, content) for split in ("train", "valid", "test")}
    corpus = text.make(own["train"], level, valid_path=own["valid"], test_path=own["test"], lines=True)
    for tokens in corpus.splits.values():
        assert (tokens == corpus.end).sum() == 81
        assert tokens[-1] == corpus.end
    again = read_as(corpus, content, "text")
    np.testing.assert_array_equal(again.splits["text"], corpus.splits["test"])


def test_unknown_words_are_read_as_such_or_refused_or_left_out(tmp_path):
    known = text.make(write(tmp_path / "a.txt", "a b " * 20), split=HALF)
    with pytest.raises(
        UnknownSymbols, match=r"7 words .*, 8 of its 10 tokens \(80.00%\).* and 2 more$"
    ) as error:
        read_as(known, "a c c d e f b g h i", "text")
    assert "'c' (2), 'd' (1)" in str(error.value)
    rest = read_as(known, "a c c d e f b g h i", "text", leave_out=True)
    assert words(rest, "text") == ["a", "b"]
    assert rest.left_out == 8
    assert rest.bytes == {"text": 2}, "of what is predicted"
    some = text.make(write(tmp_path / "b.txt", "a a b b c " + "a b " * 10), split=HALF, min_count=2)
    assert words(read_as(some, "a x b", "text"), "text") == ["a", "<unk>", "b"]
    assert words(read_as(some, "a x b", "text", leave_out=True), "text") == ["a", "b"]
    assert read_as(some, "a b", "text", leave_out=True).left_out == 0


def test_words_are_the_same_in_blocks_of_any_size(tmp_path, monkeypatch):
    content = "to be\u3000or\x1cnot  to\n\nbe, " * 9 + "that"
    whole = content.replace("\n", " <eos> ").split()
    for block in 1, 7, 1 << 20:
        monkeypatch.setattr("rnnexp.data.texts.BLOCK", block)
        assert list(texts.words(content)) == whole


def test_words_by_appearance_have_an_unknown_one_where_it_is_needed():
    how = Reading(by_appearance=True, max_tokens=2)
    corpus = texts.of_texts({"train": "b a c", "valid": "a b", "test": "c a"}, how)
    assert corpus.vocabulary.symbols == ["b", "a", "<unk>"]
    assert words(corpus, "test") == ["<unk>", "a"]
    same = texts.of_texts({"train": "b a", "valid": "a b", "test": "a a"}, how)
    assert same.vocabulary.symbols == ["b", "a"]


def test_a_vocabulary_smaller_than_the_bytes_is_refused(tmp_path):
    path = write(tmp_path / "t.txt", "a b\n" * 30)
    with pytest.raises(UserError, match=r"dataset.max_vocab=100 must be at least 256 with dataset.level=bpe"):
        text.make(path, "bpe", max_vocab=100)


def test_known_data_sets_that_are_not_utf8_are_refused_in_a_line(tmp_path, monkeypatch):
    (tmp_path / "text8").write_bytes(b"ab\xff")
    monkeypatch.setattr(text8, "COUNTS", {"characters": 3})
    with pytest.raises(UserError, match=r"text8 is not UTF-8: byte 0xff at offset 2"):
        text8.make(str(tmp_path))
    for split in "train", "valid", "test":
        (tmp_path / f"wiki.{split}.tokens").write_bytes(b"ab\xff")
    with pytest.raises(UserError, match=r"wiki\.train\.tokens is not UTF-8"):
        wikitext2.make(str(tmp_path))
