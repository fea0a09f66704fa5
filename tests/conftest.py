"""What many tests share: the command line as a user has it, small settings, the data sets where they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
