"""optimizer.lr=null is the cell's own rate, a number everywhere but in conf/."""

import pytest
import yaml

from rnnexp.errors import UserError
from rnnexp.experiment.config_hash import hashes
from rnnexp.installation import CONF
from rnnexp.nn.cells import CELLS
from rnnexp.optim import OPTIMIZERS
from rnnexp.records.folder import RunFolder
from tests.conftest import QUICK
from tests.experiment.test_configs import composed
from tests.helpers.variants import REPRESENTATIVES


@pytest.mark.parametrize(
    ("cell", "optimizer"),
    [*((cell, "sgd") for cell in REPRESENTATIVES), *(("gru", name) for name in OPTIMIZERS)],
)
def test_the_rate_is_the_cells_own(cell, optimizer):
    """Where the optimizer has none that serves all cells."""
    of_cell = yaml.safe_load((CONF / f"cell/{cell}.yaml").read_text())["lr"]
    of_optimizer = yaml.safe_load((CONF / f"optimizer/{optimizer}.yaml").read_text())["lr"]
    config = composed(f"cell={cell}", f"optimizer={optimizer}")
    assert config["optimizer"]["lr"] == (of_optimizer or of_cell[optimizer])
    assert "lr" not in config["cell"]


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_has_a_rate_for_the_optimizers_that_have_none(cell):
    rates = yaml.safe_load((CONF / f"cell/{cell}.yaml").read_text())["lr"]
    lacking = [o for o in OPTIMIZERS if not yaml.safe_load((CONF / f"optimizer/{o}.yaml").read_text())["lr"]]
    assert rates.keys() >= {*lacking}
    assert all(rate > 0 for rate in rates.values())


def test_the_number_counts_wherever_it_is_from():
    other = composed("cell.lr.sgd=0.7")
    assert other == composed("optimizer.lr=0.7")
    assert hashes(other) != hashes(composed())


def test_a_rate_that_is_given_counts():
    assert composed("cell=rnn", "optimizer.lr=8")["optimizer"]["lr"] == 8
    assert composed("experiment=dlfs2_rnnlm")["optimizer"]["lr"] == 20


def test_the_record_of_a_run_has_the_number(in_process, tmp_path):
    quick = [argument for argument in QUICK if not argument.startswith("optimizer.lr")]
    result = in_process("cell=rnn", *quick, "train.max_steps=1", "engine=numpy")
    assert result.returncode == 0, result.stderr
    (file,) = tmp_path.glob("runs/default/*/config.yaml")
    config = RunFolder(file.parent).load_config()
    assert config["optimizer"]["lr"] == composed("cell=rnn")["optimizer"]["lr"]
    assert hashes(config)[0][:8] in file.parent.name


@pytest.mark.parametrize("multirun", [[], ["-m"]], ids=["a run", "a sweep"])
def test_a_cell_without_a_rate_asks_for_one(in_process, tmp_path, multirun):
    result = in_process(*multirun, "~cell.lr.sgd", *QUICK[:-2])
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "optimizer.lr=null: cell=lstm has no rate of its own for sgd; give optimizer.lr=NUMBER" in line
    assert not list(tmp_path.glob("runs/*/*"))


def test_a_rate_that_is_measured_without_momentum_is_not_taken_with_it():
    with pytest.raises(
        UserError, match=r"^optimizer.lr=null: the rate 8 of cell=gru is for no momentum"
    ) as error:
        composed("cell=gru", "optimizer.momentum=0.9")
    assert "steps 10 times as long; give optimizer.lr=NUMBER (0.8 takes steps as long as without)" in str(
        error.value
    )
    assert composed("cell=gru", "optimizer.momentum=0.9", "optimizer.lr=0.8")["optimizer"]["lr"] == 0.8
    assert composed("cell=gru", "optimizer.momentum=0")["optimizer"]["lr"] == 8
