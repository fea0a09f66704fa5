"""What many tests share: the command line as a user has it, small settings, the data sets where they are."""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock

from rnnexp.cli.main import main
from rnnexp.compute import backend
from rnnexp.errors import UserError
from rnnexp.experiment import curves
from rnnexp.nn.loops import cuda
from rnnexp.output import PASSWORDS
from rnnexp.sweeps import scheduler
from rnnexp.tracking import client
from rnnexp.tracking.mlflow.library import library
from rnnexp.tracking.worker import Outbox

# MLflow would keep connections to SQLite files open, of which Python 3.13 warns
os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
REPOSITORY = Path(__file__).parent.parent
DATA = Path(os.environ.get("RNNEXP_DATA", REPOSITORY.parent / "shared" / "data")).absolute()
FILES = {"ptb": "ptb/ptb.train.txt", "tinyshakespeare": "tinyshakespeare/input.txt", "dinos": "dinos.txt"}
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


class Outcome(NamedTuple):
    """How a command ended: as subprocess.run has it."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def rnnexp(tmp_path):
    """Runs the command in an empty folder; what it prints is in `stdout` and `stderr`."""

    def run(*arguments, **environment):
        env = {k: v for k, v in os.environ.items() if k != "HYDRA_FULL_ERROR"} | environment
        return subprocess.run(
            command(*arguments), cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
        )

    return run


def data_folder(name):
    """Return the folder with the files of a data set; where they are missing, the test is skipped."""
    file = DATA / FILES[name]
    if not file.exists():
        pytest.skip(f"no {FILES[name]} in {DATA}: name the folder that has it with RNNEXP_DATA")
    return file.parent


@pytest.fixture
def in_process(tmp_path, monkeypatch, capfd):
    """Does what `rnnexp` does without starting a process, which takes longer than most commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rnnexp"])
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    monkeypatch.setenv(PASSWORDS, "{}")
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def run(*arguments):
        capfd.readouterr()
        status = main(arguments)
        return Outcome(status, *capfd.readouterr())

    yield run
    for handler in set(root.handlers) - set(before):  # Hydra's, into the run folder
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)


class NoFigure:
    """Stands in for a figure."""

    def savefig(self, file, **_):
        file.write(b"\x89PNG IEND\xaeB`\x82")


@pytest.fixture(autouse=True)
def undrawn_curves(monkeypatch):
    """Has no run of this process draw its curves, which takes longer than to train it.

    Those of processes draw them, and `tests/experiment/test_curves.py` looks at what is drawn.
    """
    monkeypatch.setattr(curves, "figure", lambda *_: NoFigure())


class OwnClient:
    """Delivers the records of runs in this process, as the process does that a run or a sweep starts."""

    def __init__(self, *limits):
        self.outbox = Outbox(logging.getLogger(__name__).warning)

    def changed(self, folder):
        self.outbox.attempt(str(folder))

    def wait(self):
        self.outbox.flush()


@pytest.fixture
def tracked_in_process(in_process, monkeypatch):
    """The same of a run or a sweep with records: MLflow takes two seconds to import, here once for all."""
    none = client.NullClient
    monkeypatch.setattr(client, "for_tracker", lambda tracker: OwnClient() if tracker else none())
    monkeypatch.setattr(scheduler, "WorkerClient", OwnClient)
    return in_process


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """The file of an MLflow store without a run, made once for all workers: MLflow takes two seconds for it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which the workers share
    file = folder / "empty.db"
    with FileLock(f"{file}.lock"):
        if not file.exists():
            part = folder / "part.db"
            library().tracking.MlflowClient(f"sqlite:///{part}").search_experiments()
            part.rename(file)
    return file


@pytest.fixture
def made_store(tmp_path, empty_store):
    """Makes an empty store, by default where a run in this folder records; returns its address.

    A store that a run makes itself is in `test_parallel_starts_on_a_fresh_store_lose_nothing`.
    """

    def make(file=tmp_path / "runs/mlflow.db"):
        file.parent.mkdir(exist_ok=True)
        shutil.copy(empty_store, file)
        return f"sqlite:///{file}"

    return make


@pytest.fixture
def store(made_store):
    """The address of an empty store where a run in this folder records."""
    return made_store()


@pytest.fixture
def ptb_dir():
    return data_folder("ptb")


def has_gpu():
    try:
        backend.load_cupy()
    except UserError:
        return False
    return True


HAS_GPU = has_gpu()
STANDIN = REPOSITORY / "tests/fake_cupy"  # has a cupy


@pytest.fixture
def gpu(monkeypatch):
    """The backend of a GPU, or of a stand-in for it where there is none."""
    if not HAS_GPU:
        if not shutil.which("g++"):
            pytest.skip("neither a GPU nor g++, which stands in for one")
        monkeypatch.syspath_prepend(STANDIN)
        monkeypatch.setattr(cuda, "MOST_ROWS", 0)  # the stand-in is slow where threads exchange numbers
    yield backend.gpu()
    backend.gpu.cache_clear()
    if not HAS_GPU:
        for name in [name for name in sys.modules if name.partition(".")[0] in ("cupy", "cupy_backends")]:
            del sys.modules[name]


@pytest.fixture
def standin(gpu):
    """The stand-in itself, which counts what it is asked for."""
    if HAS_GPU:
        pytest.skip("there is a GPU")
    gpu.cupy.counts.clear()
    return gpu.cupy
