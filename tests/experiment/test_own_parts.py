"""A cell, a data set, an optimizer, an evaluator of the user's own: in a folder, or from an installed package."""

import json
import os
import sys

import pytest

import rnnexp
from rnnexp.errors import UserError
from rnnexp.experiment import known_keys, own_parts, precompile
from rnnexp.experiment.config import GIVEN, WITH_EVALUATION
from rnnexp.installation import CONF
from tests.api.conftest import SHORT
from tests.compute.test_engine import needs_numba
from tests.conftest import QUICK
from tests.experiment.test_configs import composed
from tests.helpers.own_parts import CELL, CELL_YAML, EVALUATOR, OPTIMIZER, write

SHORT_RUN = [*QUICK, "train.max_steps=3", "engine=numpy"]


def forget():
    """Be a process that knows no part."""
    for group, name in own_parts.PARTS:
        del WITH_EVALUATION[group][name]
    own_parts.PARTS.clear()
    own_parts.FOLDERS.clear()


def test_a_cell_in_a_folder_trains_generates_evaluates_and_resumes(own, in_process, tmp_path):
    here = ["--config-dir", str(own)]
    done = in_process(*here, "cell=mine", "cell.gain=0.75", "hydra.run.dir=run", *SHORT_RUN)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/parts/cell_mine.py").read_text() == CELL
    assert not list(own.rglob("__pycache__"))
    for command in (
        ["generate", "run=run", "num=1", "length=3", *here],
        ["evaluate", *here, "run=run"],
        ["resume", f"--config-dir={own}", "run"],
        [*here, "resume=run"],
    ):
        done = in_process(*command)
        assert done.returncode == 0, done.stderr
    forget()
    without = in_process("generate", "run=run")
    assert without.returncode == 1
    assert "one of your own needs --config-dir FOLDER, which has it as cell/mine.py" in without.stderr


def test_every_job_of_a_sweep_has_it(own, in_process, tmp_path):
    done = in_process("-m", "--config-dir", str(own), "cell=mine,rnn", *SHORT_RUN, "study=s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name.partition("_")[0] for path in (tmp_path / "runs/s").iterdir()} == {"mine", "rnn"}


def test_the_rest_that_can_be_chosen(own):
    lr = "defaults: [/hydra/schema/optimizer/signs@_here_]\nname: signs\nlr: 0.5\nclip_norm: null\n"
    write(own, "optimizer", "signs", OPTIMIZER, lr)
    package = "# @package evaluation.twice\ndefaults: [/hydra/schema/evaluation/twice@_here_]\nname: twice\n"
    write(own, "evaluation", "twice", EVALUATOR, package)
    short = {key: value for key, value in SHORT.items() if key != "lr"}
    run = rnnexp.train(config_dir=own, cell="mine", optimizer="signs", evaluation=["exact", "twice"], **short)
    assert run.result["test/twice"] == 2 * 399
    assert set(own_parts.chosen(run.config)) == {"cell/mine", "optimizer/signs", "evaluation/twice"}


def test_other_code_is_another_run(own, tmp_path):
    first = rnnexp.train(config_dir=own, cell="mine", folder=tmp_path / "a", **SHORT)
    (own / "cell/mine.py").write_text(f"{CELL}# changed\n")
    with pytest.raises(
        UserError, match=r"was made by other code: cell/mine\.py .*; what made it is in .*parts"
    ):
        rnnexp.train(config_dir=own, cell="mine", folder=tmp_path / "a", **SHORT)
    second = rnnexp.train(config_dir=own, cell="mine", folder=tmp_path / "b", **SHORT)
    hashes = [run.kept.tags()["rnnexp.config_hash"] for run in (first, second)]
    assert hashes[0] != hashes[1]


def test_a_run_is_not_read_by_other_code(own):
    """Also not by that which another run of the same process has brought."""
    first = rnnexp.train(config_dir=own, cell="mine", **SHORT)
    first.generate(length=3)
    (own / "cell/mine.py").write_text(f"{CELL}# changed\n")
    rnnexp.train(config_dir=own, cell="mine", **SHORT)
    with pytest.raises(UserError, match=r"was made by other code: cell/mine\.py .*, now cell/mine\.py "):
        first.generate(length=3)


@needs_numba
def test_other_code_is_compiled_anew(own):
    def mark():
        known_keys.use_own_parts(own)
        return precompile.mark_of(composed("engine=numba") | cell)

    cell = {"cell": {"name": "mine", "bias": True, "gain": 0.5}}
    before, same = mark(), mark()
    (own / "cell/mine.py").write_text(f"{CELL}# changed\n")
    assert before == same != mark()


def test_an_installed_package_brings_one(own, monkeypatch, tmp_path):
    package, info = tmp_path / "site/theirs", tmp_path / "site/theirs-1.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text("")
    (package / "mine.py").write_text(CELL)
    (package / "mine.yaml").write_text(CELL_YAML.replace("mine", "theirs"))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[rnnexp.cells]\ntheirs = theirs.mine:make\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    run = rnnexp.train(cell="theirs", gain=0.25, **SHORT)
    assert run.config["cell"] == {"name": "theirs", "bias": True, "gain": 0.25}
    passed_on = json.loads(os.environ[own_parts.PASSED_ON])
    forget()
    own_parts.load_passed_on(WITH_EVALUATION, GIVEN)
    assert passed_on["cell/theirs"]["entry"] == "theirs.mine:make"
    assert "theirs" in WITH_EVALUATION["cell"]
    sys.modules.pop("theirs.mine")


def test_the_page_names_the_groups_of_entry_points():
    page = (CONF / "README.md").read_text()
    line = next(line for line in page.splitlines() if "rnnexp.cells" in line)
    assert all(f".{group.removeprefix('rnnexp.')}" in line for group in own_parts.ENTRY_POINTS.values())
