"""A command that names another store for what has finished delivers it there."""

import pytest

from rnnexp.records.folder import RunFolder
from tests.conftest import SMALL

ONE = [*SMALL, "train.max_steps=3"]


@pytest.mark.slow
@pytest.mark.parametrize("first", ["tracking=none", "tracking.uri=sqlite:///first.db"])
@pytest.mark.parametrize("how", [["hydra.run.dir=run"], ["-m", "hydra.run.dir=run"]])
def test_a_finished_run_goes_to_the_store_of_the_command(in_process, tmp_path, first, how):
    assert in_process(*ONE, first, "hydra.run.dir=run").returncode == 0
    again = in_process(*how, *ONE, "tracking.uri=sqlite:///second.db")
    assert again.returncode == 0, again.stderr
    assert "does not take" not in again.stdout
    second = f"sqlite:///{tmp_path}/second.db"
    folder = RunFolder(tmp_path / "run")
    assert folder.deliveries.to(second)["status"] == "FINISHED"
    assert folder.load_config()["tracking"]["uri"] == second
    assert folder.to_deliver(second) is None
    assert in_process(*how, *ONE, "tracking=none").returncode == 0
    assert folder.load_config()["tracking"]["uri"] == second


def test_a_store_that_takes_nothing_is_not_said_to_let_a_finished_run_go_on(in_process):
    assert in_process(*ONE, "tracking=none", "hydra.run.dir=run").returncode == 0
    again = in_process(*ONE, "tracking.uri=http://127.0.0.1:1", "hydra.run.dir=run")
    assert again.returncode == 0
    assert "does not take the records" in again.stdout
    assert "the run goes on" not in again.stdout
