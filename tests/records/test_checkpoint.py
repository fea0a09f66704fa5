"""Checkpoints come back exactly, or not at all."""

import logging
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from rnnexp.errors import UserError
from rnnexp.records import checkpoint


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {"w": rng.standard_normal((3, 4)).astype(np.float32), "state.0.0": rng.standard_normal(5)}


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])
        assert ours[name].dtype == theirs[name].dtype


def test_round_trip(arrays, tmp_path):
    meta = {"loss": 0.1 + 0.2, "best": float("inf"), "step": 10**12}
    checkpoint.write(tmp_path / "c.npz", arrays, meta)
    read_arrays, read_meta = checkpoint.read(tmp_path / "c.npz")
    assert_same(read_arrays, arrays)
    assert read_meta == meta


def test_the_one_before_is_kept_and_serves_where_the_last_is_cut_short_anywhere(arrays, tmp_path, caplog):
    path = tmp_path / "c.npz"
    checkpoint.write(path, arrays, {"n": 1})
    checkpoint.write(path, {"w": arrays["w"] + 1}, {"n": 2})
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            read_arrays, meta = checkpoint.read(path)
        assert meta == {"n": 1}
        assert "is damaged" in caplog.text
        assert_same(read_arrays, arrays)


def kill_at_step(last, monkeypatch):
    """Have the step of that number, of all that change which file has which name, not happen."""
    steps = count()

    def killed(step):
        def do(*arguments, **more):
            if next(steps) == last:
                raise KeyboardInterrupt
            return step(*arguments, **more)

        return do

    for name in "unlink", "hardlink_to", "replace":
        monkeypatch.setattr(Path, name, killed(getattr(Path, name)))


def test_killed_between_any_two_steps_of_a_write_there_is_a_checkpoint(arrays, tmp_path, monkeypatch):
    path = tmp_path / "c.npz"
    for n in range(2):
        checkpoint.write(path, arrays, {"n": n})
    for last in range(10):
        kill_at_step(last, monkeypatch)
        try:
            checkpoint.write(path, arrays, {"n": 2})
        except KeyboardInterrupt:
            assert path.exists()
        else:
            break
        finally:
            monkeypatch.undo()
        assert checkpoint.read(path)[1] == {"n": 1}
    assert last > 2
    assert checkpoint.read(path)[1] == {"n": 2}
    assert checkpoint.read(checkpoint.previous(path))[1] == {"n": 1}


def test_an_altered_byte_in_the_numbers_is_found(arrays, tmp_path):
    path = tmp_path / "c.npz"
    checkpoint.write(path, arrays, {})
    whole = bytearray(path.read_bytes())
    start = whole.index(arrays["w"].tobytes())
    for position in range(start, start + arrays["w"].nbytes, 5):
        altered = bytearray(whole)
        altered[position] ^= 1
        path.write_bytes(altered)
        with pytest.raises(UserError, match="is damaged, and no good checkpoint is left"):
            checkpoint.read(path)


def test_an_altered_bit_anywhere_is_harmless_or_found(arrays, tmp_path):
    path = tmp_path / "c.npz"
    checkpoint.write(path, arrays, {"n": 1})
    checkpoint.write(path, arrays, {"n": 1})
    whole = path.read_bytes()
    for position in range(len(whole)):
        altered = bytearray(whole)
        altered[position] ^= 1 << position % 8
        path.write_bytes(altered)
        read_arrays, meta = checkpoint.read(path)  # of this file or of the one before
        assert meta == {"n": 1}
        assert_same(read_arrays, arrays)


def test_a_crash_between_the_renames_leaves_the_one_before(arrays, tmp_path):
    path = tmp_path / "c.npz"
    checkpoint.write(path, arrays, {"n": 1})
    path.rename(checkpoint.previous(path))
    assert checkpoint.read(path)[1] == {"n": 1}


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        checkpoint.read(tmp_path / "c.npz")


def test_a_pickle_is_not_read(tmp_path):
    np.savez(tmp_path / "c.npz", w=np.array([{"a": 1}], dtype=object), meta=np.zeros(2, np.uint8))
    with pytest.raises(UserError, match="is damaged"):
        checkpoint.read(tmp_path / "c.npz")
