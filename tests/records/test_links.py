"""A link in a run folder, planted or brought along, is neither written through nor read."""

import os
import re
from contextlib import chdir
from pathlib import Path

import pytest

from rnnexp.errors import UserError
from rnnexp.records import checkpoint
from rnnexp.records.files import LogFile, append_line, append_text, replace_text
from rnnexp.records.folder import RunFolder
from tests.conftest import QUICK

WRITTEN = [
    *("config.yaml", "tags.json", "provenance.jsonl", "state.json", "vocabulary.json", "records.jsonl"),
    *("last.npz", "last.npz.previous", "best.npz", "best.npz.previous", "result.json", "test_nats.npz"),
    *("samples.txt", "curves.png", "traceback.txt", "output.txt", "delivered.json", "rnnexp.log"),
    *(".lock", ".delivery.lock"),
]
PARTS = [f"{name}.part" for name in WRITTEN if "." in name[1:]]
SECRET = "precious: 1\n"


@pytest.fixture
def target(tmp_path):
    """A file of somebody's that no run has anything to do with."""
    file = tmp_path / "home/precious"
    file.parent.mkdir()
    file.write_text(SECRET)
    yield file
    assert file.read_text() == SECRET
    assert [path.name for path in file.parent.iterdir()] == ["precious"]


@pytest.mark.parametrize("kind", ["link", "dangling"])
@pytest.mark.parametrize("name", WRITTEN)
def test_a_planted_link_is_refused_before_anything_is_written(in_process, tmp_path, target, name, kind):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).symlink_to(target if kind == "link" else target.with_name("new"))
    commands = [*QUICK, "hydra.run.dir=run"], ["resume", "run"], ["generate", "run=run"]
    for arguments in commands if kind == "link" else commands[:1]:
        result = in_process(*arguments)
        assert (result.returncode, result.stderr.count("\n")) == (1, 1), result
        assert "precious" not in result.stderr
    assert [path.name for path in folder.iterdir()] == [name]


def test_planted_parts_are_replaced_and_not_followed(in_process, tmp_path, target):
    """One run with all of them; what it writes is its own."""
    folder = tmp_path / "run"
    assert in_process(*QUICK, "hydra.run.dir=run", "train.max_steps=3").returncode == 0
    written = {path.name for path in folder.iterdir()}
    for path in [*folder.iterdir()]:
        path.unlink()
    run = RunFolder(folder)
    write = {
        "last.npz.part": lambda path: checkpoint.write(path, {}, {"a": 1}),
        "config.yaml.part": lambda path: run.prepare({"a": 1}),
    }
    for name in sorted({*PARTS, *(f"{name}.part" for name in written)}):
        path = folder / name.removesuffix(".part")
        (folder / name).symlink_to(target)
        write.get(name, lambda path: replace_text(path, "text"))(path)
        assert path.is_file()
        assert not path.is_symlink()
        assert not (folder / name).exists()


@pytest.mark.parametrize(
    "write",
    [
        lambda path: append_line(path, {"a": 1}),
        lambda path: append_text(path, "text"),
        lambda path: LogFile(path),
    ],
)
def test_nothing_is_added_through_a_link_or_to_a_pipe(tmp_path, target, write):
    (tmp_path / "link").symlink_to(target)
    os.mkfifo(tmp_path / "pipe")
    for name in "link", "pipe":
        with pytest.raises(OSError, match="link" if name == "link" else None):
            write(tmp_path / name)


def test_a_store_gets_no_file_that_a_link_leads_to(in_process, tmp_path, target):
    assert in_process(*QUICK, "hydra.run.dir=run", "train.max_steps=3").returncode == 0
    for name in "samples.txt", "config.yaml", "records.jsonl":
        (tmp_path / "run" / name).rename(tmp_path / "kept")
        (tmp_path / "run" / name).symlink_to(target)
        with pytest.raises(UserError, match=f"{name} is a link"):
            RunFolder(tmp_path / "run").artifacts()
        result = in_process("sync", "run", "uri=sqlite:///mine.db")
        assert result.returncode == 1
        assert f"{name} is a link" in result.stderr
        assert not Path("mine.db").exists()
        (tmp_path / "kept").replace(tmp_path / "run" / name)


def test_a_pipe_in_a_run_folder_keeps_nobody_waiting(in_process, tmp_path):
    (tmp_path / "run").mkdir()
    os.mkfifo(tmp_path / "run/config.yaml")
    with chdir(tmp_path):
        for arguments in (["resume", "run"], ["generate", "run=run"], [*QUICK, "hydra.run.dir=run"]):
            assert re.search("is no (file|run folder)", in_process(*arguments).stderr)
