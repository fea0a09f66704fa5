"""Flags and names of a command that trains: what Hydra parsed decides, and a text is taken as it is written."""

import pytest

from rnnexp import __version__
from rnnexp.sweeps.composition import config_of
from rnnexp.sweeps.overrides import parse, texts
from tests.conftest import QUICK
from tests.helpers.requests import open_request


def test_the_version_is_ours(in_process):
    for arguments in ["--version"], ["compare", "--version"]:
        assert in_process(*arguments) == (0, f"rnnexp {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "cell=lstm,gru", "--cfg", "job"],
        ["cell=lstm,gru", "-c", "job", "-m"],
        ["hydra.mode=MULTIRUN", "cell=lstm,gru", "--cfg=job"],
    ],
    ids=" ".join,
)
def test_the_jobs_of_a_sweep_are_listed_and_not_done(in_process, tmp_path, arguments):
    result = in_process(*arguments)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.rpartition("_")[0] for line in lines] == [
        "cell=lstm: runs/default/lstm_seed0",
        "cell=gru: runs/default/gru_seed0",
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_search_is_listed_by_what_it_searches_for(in_process, tmp_path):
    result = in_process("-m", "--cfg", "job", "sweep=search", "cell=lstm,gru", "study=s")
    assert [line.partition(" over ")[0] for line in result.stdout.splitlines()] == [
        "cell=lstm: 20 trials",
        "cell=gru: 20 trials",
    ]
    assert result.stdout.count("in runs/s\n") == 2
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def preset(tmp_path):
    """A folder of configs of the user's, with the preset `many`, which asks for a sweep."""
    file = tmp_path / "mine" / "experiment" / "many.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("# @package _global_\nseed: 7\nhydra: {mode: MULTIRUN}\n")
    return "mine"


@pytest.mark.parametrize("more", [["-m"], []])
def test_configs_of_the_users_own_go_with_a_sweep_which_they_can_ask_for(in_process, preset, more):
    listed = in_process(*more, "--config-dir", preset, "experiment=many", "--cfg", "job")
    assert listed.stdout.startswith("the only job: runs/default/lstm_seed7_")
    helped = in_process("--config-dir", preset, "experiment=many", "--help")
    assert "seed: 7\n" in helped.stdout
    (line,) = in_process("experiment=many").stderr.splitlines()
    assert line.startswith("rnnexp: experiment=many is not known: ")


def test_a_launcher_gets_the_folder_of_configs_too(in_process, tmp_path):
    file = tmp_path / "mine" / "hydra" / "launcher" / "in_turn.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(
        "# @package hydra.launcher\n_target_: hydra._internal.core_plugins.basic_launcher.BasicLauncher\n"
    )
    few = [*QUICK, "train.max_steps=3", "study=1.10"]
    result = in_process("seed=0,1", "-m", "--config-dir", "mine", "hydra/launcher=in_turn", *few)
    assert result.returncode == 0, result.stderr
    assert "2 jobs: 2 finished\n" in result.stdout
    assert len(list((tmp_path / "runs" / "1.10").glob("lstm_*"))) == 2, (
        "as written, also where Hydra reads it again"
    )


def test_names_are_taken_as_they_are_written():
    written = ["0x1f", "1.10", "1e3", "1_000", "true", "007", "a"]
    with open_request([f"study={','.join(written)}", "dataset=text", "dataset.path=1.10"]) as request:
        found = [config_of(overrides) for _, overrides in request.combinations()]
        one = config_of(texts(parse(["study=1.10"])))
    assert [config["study"] for config in found] == written
    assert {config["dataset"]["path"].rpartition("/")[2] for config in found} == {"1.10"}
    assert one["study"] == "1.10"
    with open_request(["seed=1,2", "study='1.10'"]) as request:  # as one had to write it before
        assert [config_of(overrides)["study"] for _, overrides in request.combinations()] == ["1.10", "1.10"]
