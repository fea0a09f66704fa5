"""Another tracker takes two files: its module, and its values in conf/tracking/."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from rnnexp import tracking
from rnnexp.errors import UserError
from rnnexp.tracking.client import NullClient, WorkerClient, for_tracker
from tests.conftest import REPOSITORY, SMALL

MODULE = '''
"""Records as lines of JSON, all in one file."""

import json
from pathlib import Path
from typing import Annotated

from rnnexp.options import Option
from rnnexp.tracking.base import Tracker


class Lines(Tracker):
    def __init__(self, uri, label):
        super().__init__(uri)
        self.label = label

    def absolute_uri(self):
        return str(Path(self.uri).absolute())

    def deliver(self, folder):
        with folder.deliveries.lock:
            here = folder.to_deliver(self.uri)
            if not here:
                return
            done = folder.deliveries.to(self.uri).get("epochs", 0)
            with Path(self.uri).open("a") as file:
                for record in folder.records()[done : here["epochs"]]:
                    line = {"label": self.label, "run": folder.path.name, "epoch": record["epoch"]}
                    file.write(json.dumps(line) + "\\n")
            folder.deliveries.note(self.uri, here)


def make(
    uri: Annotated[str, Option("the file", defines_result=False)],
    label: Annotated[str, Option("of every line", defines_result=False)] = "",
) -> Tracker:
    """Return the tracker."""
    return Lines(uri, label)
'''
VALUES = """
defaults: [/hydra/schema/tracking/lines@_here_]
name: lines
uri: lines.jsonl
label: ours
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a copy of the program to which the two files are added."""
    place = tmp_path_factory.mktemp("copy")
    shutil.copytree(REPOSITORY / "rnnexp", place / "rnnexp", ignore=shutil.ignore_patterns("__pycache__"))
    (place / "rnnexp" / "tracking" / "lines.py").write_text(MODULE)
    (place / "rnnexp" / "conf" / "tracking" / "lines.yaml").write_text(VALUES)
    return place


def run(place, module, *arguments):
    return subprocess.run(
        [sys.executable, "-P", "-m", module, *arguments],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        timeout=240,
    )


def lines(file):
    """What a store has of every run, in any order."""
    return sorted(tuple(json.loads(line).values()) for line in file.read_text().splitlines())


@pytest.mark.slow
def test_a_sweep_delivers_to_a_new_tracker_and_sync_does(place):
    swept = run(
        place, "rnnexp", *SMALL, "-m", "tracking=lines", "seed=0,1", "engine=numpy", "sweep.workers=1"
    )
    assert swept.returncode == 0, swept.stderr
    assert "does not take the records" not in swept.stdout + swept.stderr
    names = sorted(path.name for path in (place / "runs" / "default").iterdir())
    expected = [("ours", name, epoch) for name in names for epoch in (1, 2)]
    assert len(names) == 2
    assert lines(place / "lines.jsonl") == expected
    assert "2 runs: 2 there already" in run(place, "rnnexp", "sync", "runs").stdout
    assert "2 runs: 2 delivered" in run(place, "rnnexp", "sync", "runs", "uri=other.jsonl").stdout
    assert lines(place / "other.jsonl") == lines(place / "lines.jsonl") == expected
    assert not list(place.rglob("mlflow.db"))
    # into a store of another kind, whose address has to be named
    unnamed = run(place, "rnnexp", "sync", "runs", "tracking=mlflow")
    assert "give uri=" in unnamed.stderr
    named = run(place, "rnnexp", "sync", "runs", "tracking=mlflow", "uri=sqlite:///elsewhere.db")
    assert "2 runs: 2 delivered" in named.stdout
    assert (place / "elsewhere.db").exists()


def test_its_options_are_checked_as_all_others(place):
    for arguments, said in [
        (["tracking.uri=null"], "tracking.uri"),
        (["tracking.colour=red"], "tracking.colour"),
        (["tracking.name=wandb"], "tracking.name=wandb is not known: it must be lines or mlflow or none"),
    ]:
        refused = run(place, "rnnexp", "tracking=lines", *arguments)
        assert refused.returncode == 1
        (line,) = refused.stderr.splitlines()
        assert said in line


def test_the_trackers_that_there_are():
    assert tracking.TRACKERS.keys() >= {"mlflow", "none"}
    assert tracking.make({"name": "none", "uri": None}) is None
    assert isinstance(for_tracker(None), NullClient)
    mlflow = tracking.make({"name": "mlflow", "uri": "http://there"})
    assert isinstance(for_tracker(mlflow), WorkerClient)
    assert mlflow.absolute_uri() == mlflow.uri == "http://there"
    known = " or ".join(tracking.TRACKERS)
    with pytest.raises(UserError, match=rf"tracking\.name=wandb is not known: it must be {known}"):
        tracking.make({"name": "wandb"})


def test_the_address_of_an_sqlite_store_is_the_same_wherever_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for uri in "sqlite:///runs/store.db", f"sqlite:///{tmp_path}/runs/store.db":
        tracker = tracking.make({"name": "mlflow", "uri": uri})
        assert tracker.absolute_uri() == f"sqlite:///{tmp_path}/runs/store.db"
