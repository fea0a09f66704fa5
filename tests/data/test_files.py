"""PTB and the user's own files: read right, and refused in one plain sentence."""

import hashlib
import http.server
import threading
from functools import partial

import pytest

from rnnexp.data.datasets import ptb, text
from rnnexp.errors import UserError


def test_ptb_is_the_known_corpus(ptb_dir):
    corpus = ptb.make(str(ptb_dir))
    assert {split: len(tokens) for split, tokens in corpus.splits.items()} == {
        "train": 929_589,
        "valid": 73_760,
        "test": 82_430,
    }
    assert len(corpus.vocabulary) == 10_000
    words = [corpus.vocabulary.symbols[token] for token in corpus.splits["valid"][:8]]
    assert words == ["consumers", "may", "want", "to", "move", "their", "telephones", "a"]
    assert (corpus.splits["test"] == corpus.vocabulary.index["<eos>"]).sum() == 3_761


def test_ptb_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"dataset.dir=.* holds no ptb.train.txt"):
        ptb.make(str(tmp_path))


def test_ptb_truncated_file_names_both_checksums(tmp_path):
    (tmp_path / "ptb.train.txt").write_text(" aer banknote berlitz")
    with pytest.raises(UserError) as error:
        ptb.make(str(tmp_path))
    assert "truncated or altered" in str(error.value)
    assert ptb.SHA256["ptb.train.txt"] in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture
def server(tmp_path):
    """A web server on this machine; gives its address and the folder it serves."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


def test_ptb_is_downloaded_once_and_checked(server, tmp_path, monkeypatch):
    """With files that stand in for those of PTB, and their checksums."""
    url, served = server
    own, cache = tmp_path / "own", tmp_path / "cache"
    own.mkdir()
    for name, words in zip(ptb.SHA256, (" the cat sat \n the dog \n", " the cat \n", " the dog \n")):
        for folder in served, own:
            (folder / name).write_text(words)
        monkeypatch.setitem(ptb.SHA256, name, hashlib.sha256(words.encode()).hexdigest())
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"file/ptb/ptb\.train\.txt \(Not a directory\): name .* by dataset\.cache"
    ):
        ptb.make(url=url, cache=str(tmp_path / "file"))
    corpus = ptb.make(url=url, cache=str(cache))
    assert corpus.vocabulary.symbols == ["<eos>", "the", "cat", "dog", "sat"]
    for copy in served.iterdir():
        copy.unlink()
    assert ptb.make(url=url, cache=str(cache)).digest() == corpus.digest() == ptb.make(str(own)).digest()
    assert sorted(path.name for path in (cache / "ptb").iterdir()) == sorted(ptb.SHA256)


def test_a_download_that_is_cut_short_leaves_nothing_behind(server, tmp_path):
    url, served = server
    (served / "ptb.train.txt").write_text(" aer banknote")
    with pytest.raises(UserError, match="sha256"):
        ptb.make(url=url, cache=str(tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


def test_a_connection_that_breaks_off_says_how_to_do_without(tmp_path):
    class Liar(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b" aer banknote")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(UserError, match=r"cannot download .*dataset.dir"):
            ptb.make(url=f"http://127.0.0.1:{server.server_port}", cache=str(tmp_path / "cache"))
        server.shutdown()
    with pytest.raises(UserError, match=r"cannot download nowhere/ptb\.train\.txt"):
        ptb.make(url="nowhere", cache=str(tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


def test_no_network_says_how_to_do_without(tmp_path):
    with pytest.raises(UserError, match=r"cannot download http://127.0.0.1:9/ptb.train.txt .*dataset.dir"):
        ptb.make(url="http://127.0.0.1:9", cache=str(tmp_path))


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_words_and_characters(tmp_path):
    path = write(tmp_path / "t.txt", "a b\na b\n" * 5)
    words = text.make(path, "word", (0.8, 0.1, 0.1))
    assert words.vocabulary.symbols == ["<eos>", "a", "b"]
    assert [len(words.splits[split]) for split in ("train", "valid", "test")] == [24, 3, 3]
    characters = text.make(path, "char", (0.8, 0.1, 0.1))
    assert set(characters.vocabulary.symbols) == {"a", "b", " ", "\n"}
    assert sum(len(tokens) for tokens in characters.splits.values()) == 40


def test_what_train_does_not_have_is_unknown_elsewhere(tmp_path):
    corpus = text.make(write(tmp_path / "t.txt", "a b " * 40 + "new a"), "word", (0.5, 0.25, 0.25))
    assert corpus.vocabulary.symbols == ["a", "b", "<unk>"]
    assert corpus.splits["test"][-2:].tolist() == [2, 0]


def test_line_ends_and_byte_order_marks_do_not_matter(tmp_path):
    plain = text.make(write(tmp_path / "a.txt", "ä b\n" * 30))
    windows = text.make(write(tmp_path / "b.txt", b"\xef\xbb\xbf" + "ä b\r\n".encode() * 30))
    assert plain.digest() == windows.digest()


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"", {}, "is empty"),
        (b" \n\n", {}, "is empty"),
        (b"abc\xff def", {}, "is not UTF-8: byte 0xff at offset 3"),
        (b"\xef\xbb\xbfabc\xff", {}, "is not UTF-8: byte 0xff at offset 6"),
        ("a b", {"level": "syllable"}, "dataset.level=syllable must be word, char or bpe"),
        ("a b", {"split": (0.9, 0.2, 0.1)}, "dataset.split="),
        ("a b", {"split": (1.0, 0.0, 0.0)}, "dataset.split="),
    ],
)
def test_bad_text(content, options, message, tmp_path):
    with pytest.raises(UserError, match=message) as error:
        text.make(write(tmp_path / "t.txt", content), **options)
    assert "\n" not in str(error.value)


def test_no_such_text(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*gone.txt: No such file"):
        text.make(str(tmp_path / "gone.txt"))
