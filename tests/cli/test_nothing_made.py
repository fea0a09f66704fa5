"""What is refused leaves nothing behind, and no name in a command leads out of the folder of runs."""

import json
from pathlib import Path

import pytest
import yaml

from rnnexp.compute import engine
from rnnexp.errors import UserError
from tests.conftest import QUICK


def made(place):
    """Everything below a folder, but for what a test itself has put there."""
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.name != "here")


@pytest.fixture
def deep(in_process, tmp_path, monkeypatch):
    """Runs a command in a folder two levels down, so that what leaves it is seen."""
    (tmp_path / "here/here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here/here")
    return in_process


REFUSED = [
    "++study=../../evil",
    "+study=../../evil",
    'study="../../evil"',
    "study=/tmp/evil",
    "study=a/../../../evil",
    "study=.hidden",
    "study=${cell.name}/../../evil",
    "study=' '",
    "cell.name=../x",
    "++cell.name=/tmp/x",
    "hydra.run.dir=",
    "hydra.run.dir=' '",
    "hydra.run.dir=null",
    "hydra.run.dir=.",
    "model.dropout=1",
    "model.hiden_size=3",
    "sweep.trials=3",
    "sweep.prepare=true",
    "engine=abacus",
    "tracking.name=../mlflow",
    "evaluation=../exact",
    "optimizer.name=../sgd",
    "seed=../x",
    "experiment=../../etc/passwd",
]


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_refused_command_makes_nothing(deep, tmp_path, mistake):
    if mistake == "hydra.run.dir=.":
        Path("thesis.tex").write_text("mine")
    before = made(tmp_path)
    result = deep(*QUICK, mistake)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result
    assert made(tmp_path) == before


@pytest.mark.parametrize("mistake", [m for m in REFUSED if not m.startswith(("sweep", "hydra"))])
def test_a_refused_sweep_makes_nothing(deep, tmp_path, mistake):
    result = deep("-m", *QUICK, "seed=0" if mistake.startswith("seed") else "cell=gru,rnn", mistake)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr + result.stdout
    assert made(tmp_path) == []


def test_a_search_with_an_impossible_setting_makes_nothing(deep, tmp_path):
    result = deep("-m", "sweep=search", *QUICK, "model.num_layers=0")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result
    assert made(tmp_path) == []


def test_the_name_of_hydras_job_is_no_path(deep, tmp_path):
    assert deep(*QUICK, "train.max_steps=2", "hydra.job.name=../../x").returncode == 0
    assert all(name.startswith("here/here/runs") for name in made(tmp_path))
    assert not list(tmp_path.rglob("x.log"))
    assert len(list(tmp_path.rglob("rnnexp.log"))) == 1


def test_a_folder_of_other_things_does_not_become_a_run(deep):
    Path("paper").mkdir()
    Path("paper/thesis.tex").write_text("mine")
    result = deep(*QUICK, "hydra.run.dir=paper")
    assert "paper holds thesis.tex and no run" in result.stderr
    assert [path.name for path in Path("paper").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("folder", ["paper", "paper/run"])
def test_a_file_in_place_of_a_folder_is_named(deep, folder):
    Path("paper").write_text("mine")
    said = deep(*QUICK, f"hydra.run.dir={folder}").stderr
    assert "/paper is a file: name another folder for the run" in said


@pytest.mark.parametrize("how", [[], ["-m"]])
def test_what_has_finished_elsewhere_needs_no_gpu_here(in_process, monkeypatch, how):
    assert in_process(*QUICK, "train.max_steps=3").returncode == 0
    (file,) = Path("runs").glob("default/*/tags.json")
    tags = json.loads(file.read_text()) | {"rnnexp.device": "gpu", "rnnexp.engine": "graph"}
    file.write_text(json.dumps(tags) + "\n")
    config = yaml.safe_load((file.parent / "config.yaml").read_text()) | {"device": "gpu", "engine": "graph"}
    (file.parent / "config.yaml").write_text(yaml.safe_dump(config))

    def require(engine, device):
        raise UserError(f"device={device} needs CuPy")

    monkeypatch.setattr(engine, "require", require)
    result = in_process(*how, *QUICK, "train.max_steps=3", "device=gpu")
    assert result.returncode == 0, result.stderr
    assert "finished" in result.stdout
    refused = in_process(*how, *QUICK, "train.max_steps=4", "device=gpu")
    assert "device=gpu needs CuPy" in refused.stderr
