"""Do a small run in this process: a command would take more than the run does to start."""

from pathlib import Path

from rnnexp.experiment import runner
from rnnexp.experiment.config_hash import run_name
from rnnexp.records.folder import RunFolder
from tests.conftest import QUICK
from tests.experiment.test_configs import composed


def config_of(*overrides):
    """The config of QUICK and these overrides; another data set has none of the sizes that QUICK gives its own."""
    own_data = any(override.startswith("dataset=") for override in overrides)
    small = [override for override in QUICK if not (own_data and override.startswith("dataset."))]
    return composed(*small, "engine=numpy", *overrides)


def run_in(runs: Path, *overrides: str) -> RunFolder:
    """Do the run of these overrides below a folder, under the name that a command gives it."""
    config = config_of(*overrides)
    folder = RunFolder(runs / run_name(config))
    runner.run_experiment(config, folder)
    return folder


def run_at(path: Path, *overrides: str) -> RunFolder:
    """Do the run of these overrides in a folder of this name."""
    folder = RunFolder(path)
    runner.run_experiment(config_of(*overrides), folder)
    return folder
