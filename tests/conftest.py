"""What many tests share: the command line as a user has it, small settings, the data sets where they are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rnnexp import backend, kernels
from rnnexp.errors import UserError
from tests import fake_cupy

REPOSITORY = Path(__file__).parent.parent
SHARED = REPOSITORY.parent / "shared" / "data"
SMALL = [
    "dataset.train_tokens=3000",
    "dataset.valid_tokens=400",
    "dataset.test_tokens=400",
    "model.embed_size=8",
    "model.hidden_size=8",
    "train.batch_size=4",
    "train.bptt=8",
    "train.max_epochs=2",
    "optimizer.lr=1",
]
QUICK = [*SMALL, "tracking=none"]


def command(*arguments):
    return [str(Path(sys.executable).parent / "rnnexp"), *arguments]


@pytest.fixture
def rnnexp(tmp_path):
    """Runs the command in an empty folder; what it prints is in `stdout` and `stderr`."""

    def run(*arguments, **environment):
        env = {k: v for k, v in os.environ.items() if k != "HYDRA_FULL_ERROR"} | environment
        return subprocess.run(
            command(*arguments), cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
        )

    return run


@pytest.fixture
def ptb_dir():
    if not (SHARED / "ptb").is_dir():
        pytest.skip("the PTB files are not in ../shared/data/ptb")
    return SHARED / "ptb"


def real_gpu():
    """Whether CuPy and a GPU are there."""
    try:
        backend.load_cupy()
    except UserError:
        return False
    return True


@pytest.fixture
def gpu(monkeypatch):
    """The backend of a GPU, or of a stand-in for it where there is none."""
    if not real_gpu():
        if not shutil.which("g++"):
            pytest.skip("neither a GPU nor g++, which stands in for one")
        fake_cupy.install(monkeypatch)
    yield backend.gpu()
    for cached in backend.gpu, kernels.of:
        cached.cache_clear()


@pytest.fixture
def counts(gpu):
    """How often the stand-in was asked for what."""
    if real_gpu() and "tests" not in type(gpu.empty(1, "f4")).__module__:
        pytest.skip("only the stand-in for a GPU counts")
    fake_cupy.counts.clear()
    return fake_cupy.counts
