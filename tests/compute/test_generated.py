"""Written source is kept where numba keeps what it compiles of it, under a name that says what is in it."""

import pytest

pytest.importorskip("numba")

from rnnexp.compute.jit import generated

SOURCE = "def double(x):\n    return 2 * x\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder for written source, of a process that has loaded none."""
    monkeypatch.setattr(generated, "compiled_in", lambda: tmp_path)
    generated.module_of.cache_clear()
    yield tmp_path / "loops"
    generated.module_of.cache_clear()


def again(source):
    """Return the module that another process gets."""
    generated.module_of.cache_clear()
    return generated.module_of(source)


def test_the_name_says_the_source_and_what_is_compiled_into_it(folder, monkeypatch, tmp_path):
    names = {again(SOURCE).__name__, again(f"{SOURCE}\n").__name__, again(SOURCE).__name__}
    assert len(names) == 2
    called = tmp_path / "called.py"
    called.write_text("x = 1")
    monkeypatch.setattr(generated, "COMPILED_IN", (called,))
    names.add(again(SOURCE).__name__)
    called.write_text("x = 2")
    names.add(again(SOURCE).__name__)
    assert len(names) == 4
    assert {path.name for path in folder.iterdir()} == {f"{name}.txt" for name in names}


def test_a_file_that_is_there_is_used_and_a_damaged_one_written_anew(folder):
    module = again(SOURCE)
    (file,) = folder.iterdir()
    assert module.__file__ == str(file)
    assert module.double(3) == 6
    written = file.stat()
    assert (written.st_mtime, file.read_text()) == (0, SOURCE), "a time by which numba finds it unchanged"
    again(SOURCE)
    assert file.stat().st_ino == written.st_ino
    file.write_text(SOURCE[:9])
    assert again(SOURCE).double(3) == 6
    assert (file.stat().st_mtime, file.read_text()) == (0, SOURCE)
    assert list(folder.iterdir()) == [file]


@pytest.mark.parametrize("room", ["none", "unwritable"])
def test_without_room_the_source_runs_all_the_same(folder, room, monkeypatch):
    if room == "none":
        monkeypatch.setattr(generated, "compiled_in", lambda: None)
    else:
        folder.write_text("a file where the folder would be")
    module = again(SOURCE)
    assert module.__file__ == f"<{module.__name__}>"
    assert module.double(3) == 6


def test_others_may_read_a_source_as_they_may_what_numba_keeps(folder, tmp_path):
    again(SOURCE)
    (kept,) = folder.iterdir()
    (tmp_path / "another").touch()
    assert kept.stat().st_mode == (tmp_path / "another").stat().st_mode
