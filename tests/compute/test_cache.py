"""What numba compiles is kept in a temporary folder where nothing else can be written, or nowhere; both are said."""

import os
import tempfile
from types import SimpleNamespace

import pytest
from filelock import FileLock

from rnnexp.experiment import precompile

numba = pytest.importorskip("numba")
from numba.core import caching, config  # noqa: E402

from rnnexp.compute.jit import generated, jit, maths  # noqa: E402
from rnnexp.nn import loops  # noqa: E402
from tests.experiment.test_configs import composed  # noqa: E402


@pytest.fixture
def read_only(tmp_path, monkeypatch):
    """A program and a home that cannot be written; gives the folder for temporary files."""

    def refuse(self):
        raise OSError("Read-only file system")

    for locator in caching.InTreeCacheLocator, caching.UserWideCacheLocator:
        monkeypatch.setattr(locator, "ensure_cache_path", refuse)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    config.reload_config()
    yield tmp_path
    monkeypatch.undo()
    config.reload_config()


def add(a, b):
    return a + b


def test_compiled_loops_are_kept_in_a_temporary_folder(read_only, caplog):
    compiled = jit(add)
    assert compiled(1.0, 2.0) == 3.0
    (folder,) = read_only.iterdir()
    assert compiled.stats.cache_path.startswith(str(folder))
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder), "for processes that this one starts"
    assert list(folder.rglob("*.nbi"))
    jit(add)
    (said,) = caplog.messages
    assert f"compiled loops are kept in {folder}, unless NUMBA_CACHE_DIR names another" in said


def test_a_folder_that_others_can_write_is_not_trusted(read_only):
    planted = read_only / f"rnnexp-numba-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    assert not jit(add).stats.cache_path.startswith(str(planted) + os.sep)


@pytest.mark.usefixtures("read_only")
def test_without_any_folder_each_process_compiles(monkeypatch, caplog):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/proc/nowhere")
    compiled = jit(add)
    assert compiled(1.0, 2.0) == 3.0
    assert compiled.stats.cache_path is None
    assert "every process compiles its loops anew" in caplog.text


def test_nothing_is_compiled_first_where_it_cannot_be_kept(monkeypatch):
    monkeypatch.setattr(maths, "maximum", SimpleNamespace(stats=SimpleNamespace(cache_path=None)))
    monkeypatch.setattr(precompile, "subprocess", None)
    precompile.compile_first(composed("engine=numba"))


@pytest.mark.parametrize("what", ["numba", "processor"])
def test_what_another_numba_or_for_another_processor_was_compiled_is_compiled_anew(monkeypatch, what):
    config = composed("engine=numba")
    before = precompile.mark_of(config)
    if what == "numba":
        monkeypatch.setattr(numba, "__version__", "0.0")
    else:
        codegen = generated.cpu_target.target_context.codegen()
        monkeypatch.setattr(type(codegen), "magic_tuple", lambda self: ("x86_64", "another", ""))
    assert precompile.mark_of(config) != before


class Stopped(Exception):
    pass


@pytest.mark.parametrize("looks", [1, 3])
def test_who_waits_for_what_is_compiled_can_be_stopped(tmp_path, monkeypatch, looks):
    """While another process compiles, and while it is done for this one: nothing is left that says that it is done."""
    monkeypatch.setattr(precompile, "mark_of", lambda config: tmp_path / "mark")
    monkeypatch.setattr(precompile, "LOOK_S", 0.01)
    asked = []

    def stop():
        asked.append(0)
        if len(asked) == looks:
            raise Stopped

    with pytest.raises(Stopped):
        precompile.compile_first({}, stop)
    with FileLock(tmp_path / "mark.lock", timeout=0):  # nobody holds it any more
        asked.clear()
        with pytest.raises(Stopped):
            precompile.compile_first({}, stop)
    assert not (tmp_path / "mark").exists()


def test_a_number_does_not_say_what_is_compiled():
    """Another rate or size starts no process; a dropout that was 0 or a limit that was not there does."""
    base = {
        "lr": 1.0,
        "clip_norm": None,
        "dropout": 0.0,
        "hidden_size": 8,
        "num_layers": 2,
        "tie_weights": False,
    }
    same = {"lr": 2.5}, {"hidden_size": 9}
    other = {"clip_norm": 1.0}, {"dropout": 0.5}, {"num_layers": 3}, {"tie_weights": True}
    found = precompile.kinds(base)
    assert all(precompile.kinds(base | change) == found for change in same)
    assert all(precompile.kinds(base | change) != found for change in other)


def test_a_number_that_the_maths_of_a_cell_depends_on_does_say_it():
    def mark(*overrides):
        return precompile.mark_of(composed("engine=numba", *overrides))

    assert mark("cell=rhn", "cell.depth=2") != mark("cell=rhn", "cell.depth=3")
    assert mark("cell=lstm", "cell.forget_bias=1") == mark("cell=lstm", "cell.forget_bias=2")


def test_what_evaluators_need_is_compiled_too(monkeypatch):
    """Go back without masks, and without a limit of the gradient, where training has both."""
    kinds = []
    backward = loops.backward

    def noting(layer, w, dw, dh, dstate, mask, workspace):
        kinds.append((mask is None, layer.clip_through_time))
        backward(layer, w, dw, dh, dstate, mask, workspace)

    monkeypatch.setattr(loops, "backward", noting)
    config = composed("engine=numpy", "cell=gru", "model.recurrent_dropout=0.2", "model.clip_through_time=1")
    precompile.use_all(config)
    assert set(kinds) == {(False, 1.0), (True, 1.0), (True, None)}


def test_what_is_loaded_for_others_is_never_compiled(tmp_path, monkeypatch):
    """Where the mark is right, that is; a process that has compiled says so."""
    mark = tmp_path / "compiled"
    monkeypatch.setattr(precompile, "mark_of", lambda config: mark)
    monkeypatch.setattr(precompile, "LOADED", {})
    used, config = [], composed("engine=numba")
    monkeypatch.setattr(precompile, "use_all", used.append)
    precompile.load(config)
    assert not used  # whoever needs it has it compiled
    mark.touch()
    precompile.load(config)
    precompile.load(config)
    assert used == [config]
    monkeypatch.setattr(precompile, "LOADED", {})
    monkeypatch.setattr(precompile, "use_all", lambda config: numba.njit(lambda x: x + 1)(1.0))
    with pytest.raises(precompile.HadToCompile):
        precompile.load(config)


def test_what_is_loaded_is_looked_up_by_its_config(tmp_path, monkeypatch):
    """Find it again without a look at the sources, for another rate too, but not for other maths of a cell."""
    monkeypatch.setattr(generated, "compiled_in", lambda: tmp_path)
    monkeypatch.setattr(precompile, "LOADED", {})
    monkeypatch.setattr(precompile, "use_all", lambda config: None)
    config = composed("engine=numba", "cell=rhn", "cell.depth=2")
    mark = precompile.mark_of(config)
    mark.touch()
    precompile.load(config)
    monkeypatch.setattr(precompile, "content", lambda path: "changed")
    assert precompile.mark_of(config | {"optimizer": config["optimizer"] | {"lr": 3.0}}) == mark
    assert precompile.mark_of(config | {"cell": config["cell"] | {"depth": 3}}) != mark
