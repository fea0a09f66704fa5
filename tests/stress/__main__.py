"""Load and faults at a size that takes too long for the tests: python -m tests.stress [NAME ...]

Each function here is one check; it raises where something is lost, and prints what it counted.
"""

import json
import multiprocessing
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from statistics import median

from rnnexp.experiment import schema
from rnnexp.records.folder import RunFolder
from tests.cli.test_train import LONG, assert_same_run
from tests.conftest import SMALL, command
from tests.experiment.test_configs import composed
from tests.services.test_services import deliver_in_parts
from tests.sweeps.test_sweep import FAULTS, OUTCOMES, folders, status, wait_until_all_are_gone
from tests.tracking.test_tracking import free_port, mlflow_server, runs_of

RUN = [*LONG, "train.max_epochs=13"]  # some five seconds


def load(here: Path) -> str:
    """64 runs write 10,000 metric rows each into one SQLite file at once."""
    runs, epochs, names = 64, 1000, 10
    uri = f"sqlite:///{here}/store.db"
    for number in range(runs):
        folder = RunFolder(here / f"run{number}")
        with folder.claimed():
            folder.save_config(composed(*SMALL, f"seed={number}", f"tracking.uri={uri}", "study=load"))
            lines = [
                {"epoch": e, "time": 1000 * number + e} | {f"m{k}": float(e * k) for k in range(names)}
                for e in range(1, epochs + 1)
            ]
            folder.records_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow.tracking"])
    writers = [
        context.Process(target=deliver_in_parts, args=(here / f"run{number}", uri, epochs))
        for number in range(runs)
    ]
    began = time.monotonic()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    seconds = time.monotonic() - began
    assert [writer.exitcode for writer in writers] == [0] * runs
    with sqlite3.connect(here / "store.db") as database:
        (rows,) = database.execute("select count(*) from metrics").fetchone()
    assert rows == runs * epochs * names, rows
    return f"{runs} writers, {rows:,} rows there, {seconds:.0f} s"


def deaths(here: Path) -> str:
    """A sweep of 100 jobs, 20 of which die in six ways."""
    (here / "faults").mkdir()
    code = FAULTS.replace('match config["seed"]:', 'match config["seed"] % 15 if config["seed"] < 48 else 0:')
    (here / "faults" / "sitecustomize.py").write_text(code)
    sweep = subprocess.run(
        command("-m", *SMALL, "seed=range(100)", "train.max_steps=3", "sweep.timeout=8"),
        cwd=here,
        env=os.environ | {"PYTHONPATH": str(here / "faults")},
        capture_output=True,
        text=True,
    )
    errors = {kind: error for kind, (error, _) in OUTCOMES.items()} | {5: "stopped after sweep.timeout=8 s"}
    dying = {seed: errors[seed % 15] for seed in range(48) if seed % 15 in errors}
    lines = [line for line in sweep.stdout.splitlines() if line.startswith("failed: ")]  # one for each way
    named: Counter[str] = Counter()
    for seed, more, why in re.findall(
        r"^failed: seed=(\d+)(?: and (\d+) more)?: (.*)$", "\n".join(lines), re.M
    ):
        assert dying[int(seed)] in why, (seed, why)
        named[dying[int(seed)]] += 1 + int(more or 0)
    found = Counter(status(folder) for folder in folders(here))
    assert sweep.returncode == 1
    assert named == Counter(dying.values()), lines
    assert found["FINISHED"] == 100 - len(dying), found
    return f"{len(dying)} died and are named as they died, {found['FINISHED']} finished"


def killed_launcher(here: Path, kills: int = 20) -> str:
    """A sweep whose own process is killed at random points, and given again each time."""
    sweep = command("-m", *RUN, "seed=range(8)", "cell=lstm,gru")
    undisturbed = here / "undisturbed"
    undisturbed.mkdir()
    subprocess.run(sweep, cwd=undisturbed, check=True, capture_output=True)
    rng = random.Random(0)
    disturbed = here / "disturbed"
    disturbed.mkdir()
    done = 0
    while done < kills:
        process = subprocess.Popen(sweep, cwd=disturbed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.2, 6))
            assert process.returncode == 0
            break
        process.kill()
        process.wait()
        done += 1
    subprocess.run(sweep, cwd=disturbed, check=True, capture_output=True)
    wait_until_all_are_gone(disturbed)
    ours, theirs = folders(disturbed), folders(undisturbed)
    assert [folder.name for folder in ours] == [folder.name for folder in theirs]
    for folder, other in zip(ours, theirs):
        assert_same_run(folder, other)
    return f"killed {done} times; {len(ours)} runs equal to those of an undisturbed sweep, none twice"


def killed_run(here: Path, kills: int = 50) -> str:
    """Runs that are killed with -9 at a random point each, and resumed."""
    run = command(*RUN, "hydra.run.dir=run")
    undisturbed = here / "undisturbed"
    undisturbed.mkdir()
    subprocess.run(run, cwd=undisturbed, check=True, capture_output=True)
    rng = random.Random(1)
    same = cut = 0
    for number in range(kills):
        place = here / str(number)
        place.mkdir()
        process = subprocess.Popen(run, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(rng.uniform(0.5, 4.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            cut += 1
        subprocess.run(run, cwd=place, check=True, capture_output=True)
        assert_same_run(place / "run", undisturbed / "run")
        same += 1
    return f"{cut} of {kills} were killed before their end; {same} of {kills} ended with the same parameters"


def server_down(here: Path) -> str:
    """A tracking server that is away at the start, in the middle or for ever: what is lost, what it costs."""
    epochs, said, usual = 30, [], 0.0
    for away in "never", "start", "middle", "ever":
        place = here / away
        place.mkdir()
        port = free_port()
        folder = RunFolder(place / "run")
        run = [*SMALL, "dataset.train_tokens=60000", f"train.max_epochs={epochs}", "train.patience=null"]

        def begin(run=run, port=port, place=place) -> subprocess.Popen:
            more = [f"tracking.uri=http://127.0.0.1:{port}", "hydra.run.dir=run"]
            return subprocess.Popen(command(*run, *more), cwd=place, stdout=subprocess.DEVNULL)

        def server(place=place, port=port):
            return mlflow_server(place, f"sqlite:///{place}/server.db", port=port)

        def until_the_middle(folder=folder) -> None:
            while len(folder.records()) < epochs // 3:
                time.sleep(0.05)

        match away:
            case "never":
                with server():
                    assert begin().wait() == 0
            case "start":
                process = begin()
                until_the_middle()
                with server():
                    assert process.wait() == 0
            case "middle":
                with server():
                    process = begin()
                    until_the_middle()
                assert process.wait() == 0
            case "ever":
                assert begin().wait() == 0
        with server() as url:
            subprocess.run(
                [sys.executable, "-m", "rnnexp", "sync", "run"], cwd=place, check=True, capture_output=True
            )
            client, (recorded,) = runs_of(url, "default")
            steps = [p.step for p in client.get_metric_history(recorded.info.run_id, "valid/loss")]
            assert steps == list(range(1, epochs + 1)), (away, steps)
            assert recorded.info.status == "FINISHED"
        seconds = median(record["epoch_s"] for record in folder.records())
        usual = usual or seconds
        said.append(f"away {away}: {seconds:.3f} s an epoch ({seconds / usual - 1:+.1%})")
    return "; ".join(said) + "; no record lost"


def main() -> None:
    schema.register()
    checks = {check.__name__: check for check in (load, deaths, killed_launcher, killed_run, server_down)}
    for name in sys.argv[1:] or checks:
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            print(
                f"{name}: {checks[name](Path(folder).resolve())} ({time.monotonic() - began:.0f} s)",
                flush=True,
            )


if __name__ == "__main__":
    main()
