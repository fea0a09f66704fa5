"""Do one job of a sweep in a process of its own, `python -m rnnexp.sweeps.worker`, or fork those that do.

The first line of its input is JSON: the config and the folder of the run, more tags for it, and the number of
its threads. The input stays open as long as the sweep lives; when it ends, the job saves a checkpoint and ends.
A line with `alive` has the process fork jobs instead, see `forking`.
"""

import json
import logging
import logging.config
import os
import signal
import sys
from pathlib import Path
from threading import Thread
from typing import Any

from rnnexp.compute import threads
from rnnexp.errors import UserError, explained
from rnnexp.experiment import runner
from rnnexp.installation import CONF
from rnnexp.records import reading
from rnnexp.records.folder import RunFolder
from rnnexp.sweeps import forking


def log_to(file: Path, *others: str) -> None:
    """Log to a file and to other handlers, as a run that Hydra starts does."""
    logging_config = reading.from_yaml(CONF / "hydra/job_logging/rnnexp.yaml")
    assert logging_config
    logging_config["handlers"]["file"]["filename"] = str(file)
    logging_config["root"]["handlers"] = ["file", *others]
    logging.config.dictConfig(logging_config)


def end_with_the_sweep() -> None:
    """Wait for the end of the input, then ask this process to stop as a signal does."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def do(job: dict[str, Any]) -> None:
    """Do a job; exit with status 1 and one plain line where that explains the failure."""
    Thread(target=end_with_the_sweep, daemon=True).start()
    folder = RunFolder(Path(job["folder"]))
    folder.path.mkdir(parents=True, exist_ok=True)
    log_to(folder.path / "rnnexp.log")
    # not by the environment: with OMP_NUM_THREADS=1 OpenBLAS rounds differently than in a run of its own
    threads.blas_limited(job["threads"])
    try:
        runner.run_experiment(job["config"], folder, wait=True, more_tags=job["tags"])
    except KeyboardInterrupt:
        sys.exit(130)
    except (UserError, OSError, MemoryError) as error:
        sys.exit(explained(error))


def main() -> None:
    """Do what the first line of the input asks for."""
    read = b""
    while b"\n" not in read:
        part = os.read(0, 1 << 16)
        if not part:  # the sweep has gone
            return
        read += part
    first, _, unread = read.partition(b"\n")
    task = json.loads(first)
    if "alive" in task:
        forking.serve(unread, task["alive"], do)
    do(task)


if __name__ == "__main__":
    main()
