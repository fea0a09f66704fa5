"""What is built for a package index works where there is no checkout."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.conftest import QUICK, REPOSITORY

setuptools = pytest.importorskip("setuptools", minversion="77")  # what pyproject.toml builds with

OWN_YAML = "defaults: [/hydra/schema/cell/mine@_here_]\nname: mine\nbias: true\nlr: {sgd: 1.0}\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the repository."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in "pyproject.toml", "README.md":
        shutil.copy(REPOSITORY / name, source)
    for name in "rnnexp", "analysis", "conf":  # a copy, for building leaves files beside the sources
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, source / name, symlinks=True, ignore=ignored)
    build = [
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--wheel-dir",
        made,
        source,
    ]
    done = subprocess.run([sys.executable, "-m", "pip", *build], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (file,) = made.glob("rnnexp-*.whl")
    return file


def test_a_wheel_holds_what_is_no_python(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    of = ("conf", "**/*.yaml"), ("conf", "README.md"), ("rnnexp/compute/cuda", "*.cu")
    for folder, pattern in (*of, ("analysis", "**/templates/*"), ("analysis", "**/*.py")):
        files = [path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / folder).glob(pattern)]
        assert files
        assert {file if file.startswith("rnnexp/") else f"rnnexp/{file}" for file in files} <= names


def test_a_wheel_has_one_name_of_its_own(wheel):
    """An `analysis` of the user's, say, is not shadowed."""
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"rnnexp"}


@pytest.mark.slow
def test_an_installed_wheel_works_in_an_empty_folder(wheel, tmp_path):
    target, empty = tmp_path / "target", tmp_path / "empty"
    empty.mkdir()
    install = ["install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, capture_output=True, timeout=120)

    def rnnexp(*arguments):
        environment = os.environ | {"PYTHONPATH": str(target)}
        command = [sys.executable, "-P", "-m", "rnnexp", *arguments]
        return subprocess.run(
            command, cwd=empty, env=environment, capture_output=True, text=True, timeout=120
        )

    shown = rnnexp("--help")
    assert shown.returncode == 0, shown.stderr
    assert "cell: cifg, gru" in shown.stdout
    trained = rnnexp(*QUICK, "engine=numpy", "train.max_steps=3", "hydra.run.dir=run")
    assert trained.returncode == 0, trained.stderr
    assert {path.name for path in empty.iterdir()} == {"run"}
    assert (empty / "run" / "result.json").exists()
    (empty / "own/cell").mkdir(parents=True)
    for kind, text in {"py": "from rnnexp.nn.cells.rnn import make", "yaml": OWN_YAML}.items():
        (empty / f"own/cell/mine.{kind}").write_text(text)
    small = {"hidden_size": 4, "train_tokens": 3000, "max_steps": 2, "engine": "numpy"}
    train = f"rnnexp.train(cell='mine', config_dir='own', **{small})"
    python = [sys.executable, "-P", "-c", f"import rnnexp; print({train}.test_ppl)"]
    environment = os.environ | {"PYTHONPATH": str(target)}
    made = subprocess.run(python, cwd=empty, env=environment, capture_output=True, text=True, timeout=120)
    assert float(made.stdout) > 1, made.stderr
    code = "import rnnexp.analysis.compare as compare, rnnexp; print(rnnexp.__file__, compare.__file__)"
    where = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=empty,
        env=os.environ | {"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
    )
    assert where.stdout.count(str(target)) == 2, where
