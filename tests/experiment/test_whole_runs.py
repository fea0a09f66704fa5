"""What takes minutes: the demo's and the book's results, and being killed anywhere."""

import json
import random
import signal
import subprocess
import time

import pytest

from rnnexp.records.folder import RunFolder
from tests.cli.test_train import LONG, assert_same_run
from tests.conftest import command

pytestmark = pytest.mark.slow
LONGER = [*LONG, "train.max_epochs=8"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(command(*LONGER, "hydra.run.dir=run"), cwd=folder, check=True, capture_output=True)
    return folder / "run"


def test_killed_again_and_again_at_random_points_the_run_ends_the_same(tmp_path, undisturbed):
    """A run that is killed with -9 four times, each time after it has written a few more checkpoints."""
    rng = random.Random(0)
    folder = RunFolder(tmp_path / "run")
    for kill in range(1, 5):
        process = subprocess.Popen(
            command(*LONGER, "hydra.run.dir=run"),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(rng.randint(1, 8)):
            wait_for_another_checkpoint(folder, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert folder.state()["number"] == kill, "it was gone on with each time"
        assert folder.result() is None
    subprocess.run(command(*LONGER, "hydra.run.dir=run"), cwd=tmp_path, check=True, capture_output=True)
    assert_same_run(tmp_path / "run", undisturbed)


def wait_for_another_checkpoint(folder, process):
    """Until a running process has written one more, of which a run of eight epochs has dozens."""

    def written():
        return folder.checkpoint_file.stat().st_mtime_ns if folder.checkpoint_file.exists() else None

    before, deadline = written(), time.monotonic() + 120
    while written() in (before, None):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_both_cells_of_the_demo_come_near_the_best_that_can_be_reached(tmp_path):
    """One seed a cell of `make demo`."""
    subprocess.run(
        command("-m", "experiment=demo,demo_gru", "seed=1"),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    results = [json.loads(path.read_text()) for path in tmp_path.rglob("result.json")]
    assert len(results) == 2
    for result in results:
        assert 1.01 < result["test/ppl"] / result["oracle/ppl"] < 1.25


def test_an_epoch_of_the_books_model_on_ptb(rnnexp, ptb_dir, tmp_path):
    result = subprocess.run(
        command("experiment=dlfs2_rnnlm", f"dataset.dir={ptb_dir}", "train.max_epochs=1", "tracking=none"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    (path,) = tmp_path.rglob("result.json")
    assert 180 < json.loads(path.read_text())["best/valid_ppl"] < 210
